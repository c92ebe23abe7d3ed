from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.runtime.admin_token import AdminDeniedError, AdminToken

if TYPE_CHECKING:
    from pathlib import Path


def test_the_files_content_opens_the_door_and_a_new_one_closes_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "admin"
    file.write_text("one\n")
    token = AdminToken(file)
    token.check("Bearer one")
    file.write_text("two\n")
    with pytest.raises(AdminDeniedError):
        token.check("Bearer one")


@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer ", "Basic one", "one"])
def test_without_the_token_nobody_is_let_in(tmp_path: Path, shown: str | None) -> None:
    (tmp_path / "admin").write_text("one")
    with pytest.raises(AdminDeniedError):
        AdminToken(tmp_path / "admin").check(shown)


def test_an_empty_or_missing_file_makes_nobody_an_administrator(
    tmp_path: Path,
) -> None:
    (tmp_path / "admin").write_text("\n")
    for name in ("admin", "absent"):
        with pytest.raises(AdminDeniedError):
            AdminToken(tmp_path / name).check("Bearer x")
