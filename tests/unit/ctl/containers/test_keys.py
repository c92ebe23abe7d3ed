from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from meltemi.ctl.containers.authority import LIFETIME
from meltemi.ctl.containers.keys import write_keys
from meltemi.testkit.authority import NOON

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = {"password", "admin.token", "secrets.key", "tls.key"}


def texts(folder: Path) -> dict[str, str]:
    files = (each for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(folder)): each.read_text() for each in files}


def test_each_service_has_its_own_things_and_no_other(tmp_path: Path) -> None:
    list(write_keys(tmp_path, (), now=NOON))
    found = {
        place.name: {each.name for each in place.iterdir()}
        for place in tmp_path.iterdir()
    }
    shown = {"ca.pem", "tls.pem", "tls.key"}
    assert found["etcd"] == shown
    assert found["nats"] == shown | {"nats.conf"}
    assert found["citadel"] == {"ca.pem", "password", "admin.token"}
    assert found["pilot-0"] == shown | {"password", "secrets.key"}
    assert found["galley"] == shown | SECRETS
    assert "ca.key" in found["keeper"]
    for file in tmp_path.rglob("*"):
        open_to = stat.S_IMODE(file.stat().st_mode) & 0o077
        assert file.is_dir() or not open_to, file


def test_nobody_enters_the_bell_without_a_name_nor_in_plain_text(
    tmp_path: Path,
) -> None:
    list(write_keys(tmp_path, (), now=NOON))
    text = (tmp_path / "nats" / "nats.conf").read_text()
    assert "no_auth_user" not in text
    assert '"handshake_first": true' in text
    assert (tmp_path / "pilot-0" / "password").read_text().strip() in text


def test_twice_changes_nothing_until_certificates_are_half_over(
    tmp_path: Path,
) -> None:
    assert list(write_keys(tmp_path, (), now=NOON))
    first = texts(tmp_path)
    assert list(write_keys(tmp_path, (), now=NOON)) == []
    assert texts(tmp_path) == first
    later = list(write_keys(tmp_path, (), now=NOON + LIFETIME / 2))
    assert "pilot-0: tls.key, tls.pem" in later
    again = texts(tmp_path)
    assert again["galley/admin.token"] == first["galley/admin.token"]
    assert again["keeper/ca.pem"] == first["keeper/ca.pem"]


def test_a_further_name_of_galley_makes_its_certificate_anew(tmp_path: Path) -> None:
    list(write_keys(tmp_path, (), now=NOON))
    changed = list(write_keys(tmp_path, ("mesh.example",), now=NOON))
    assert changed == ["galley: tls.key, tls.pem"]
