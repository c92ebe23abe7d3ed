from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from meltemi.runtime.bus_access import BusAccess, BusFileError
from meltemi.testkit.web_certificates import web_root

if TYPE_CHECKING:
    from pathlib import Path

THERE = "nats://bell.example:4222"


def test_without_settings_the_bell_is_entered_as_the_url_says() -> None:
    made = BusAccess().bus("nats://a:b@bell.example:4222", name="pilot-0")
    assert (made._url, made._tls) == ("nats://a:b@bell.example:4222", None)


def test_user_password_and_roots_come_from_files(tmp_path: Path) -> None:
    word, roots = tmp_path / "word", tmp_path / "roots.pem"
    word.write_text("open/sesame@\n")
    roots.write_text(web_root().pem)
    access = BusAccess(
        nats_user="pilot", nats_password_file=word, nats_root_cert_file=roots
    )
    made = access.bus(THERE, name="pilot-0")
    assert made._url == "nats://pilot:open%2Fsesame%40@bell.example:4222"
    assert made._where == "bell.example:4222"
    assert made._tls is not None
    assert made._tls.verify_mode is ssl.CERT_REQUIRED
    assert made._tls.check_hostname


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"nats_user": "a"}, "nats_password_file"),
        ({"nats_password_file": "/x"}, "nats_user"),
    ],
)
def test_half_of_what_is_needed_is_refused(given: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        BusAccess.model_validate(given)


def test_a_file_that_is_of_no_use_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for access in (
        BusAccess(nats_user="a", nats_password_file=tmp_path / "none"),
        BusAccess(nats_root_cert_file=tmp_path / "none"),
    ):
        with pytest.raises(BusFileError, match="none"):
            access.bus(THERE, name="a")
    with pytest.raises(BusFileError, match=r"empty\.pem holds no certificate"):
        BusAccess(nats_root_cert_file=empty).bus(THERE, name="a")
