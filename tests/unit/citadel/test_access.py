from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.access import InvalidAccessError, Scope, parse_access
from meltemi.citadel.adapters.administrators import Administrators, OutOfScopeError
from meltemi.runtime.admin_token import AdminDeniedError

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = hashlib.sha256(b"limited").hexdigest()
LIST = f"[{{name: ci, sha256: {DIGEST}, scopes: [ca:read]}}]"


@pytest.fixture
def doors(tmp_path: Path) -> Administrators:
    (tmp_path / "admin").write_text("open-sesame\n")
    (tmp_path / "access").write_text(LIST)
    return Administrators(tmp_path / "admin", tmp_path / "access")


def test_the_administrators_token_is_good_for_everything(doors: Administrators) -> None:
    for scope in Scope:
        assert doors.check("Bearer open-sesame", scope) == "admin"


def test_t22_a_token_to_read_changes_no_root(doors: Administrators) -> None:
    assert doors.check("Bearer limited", Scope.READ) == "ci"
    with pytest.raises(OutOfScopeError, match="ca:read, and this needs ca:rotate"):
        doors.check("Bearer limited", Scope.ROTATE)


@pytest.mark.parametrize(
    "shown", [None, "", "Bearer ", "Bearer guess", f"Bearer {DIGEST}"]
)
def test_nobody_else_is_let_in(doors: Administrators, shown: str | None) -> None:
    with pytest.raises(AdminDeniedError):
        doors.check(shown, Scope.READ)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "parsing"),
        ("[{name: a, sha256: limited, scopes: [ca:read]}]", "64 hexadecimal digits"),
        (LIST.replace("ca:read", "ca:everything"), "ca:everything"),
        (LIST.replace("[ca:read]", "[]"), "length"),
        (f"{LIST[:-1]}, {LIST[1:]}", "twice"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(text: str, word: str) -> None:
    with pytest.raises(InvalidAccessError, match=word):
        parse_access(text.encode())
