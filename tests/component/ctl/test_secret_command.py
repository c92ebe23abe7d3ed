"""``meltemi secret`` against a Galley over a socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from meltemi.ctl.application import application
from meltemi.ctl.galley import secret
from meltemi.ctl.galley.client import Galley
from meltemi.testkit.authority import NOON
from meltemi.testkit.galleys import galley_served
from meltemi.testkit.web_certificates import DAY, web_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

SHOWN = web_certificate("shop.example", until=NOON + DAY)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "shop.pem").write_text(SHOWN.pem)
    (tmp_path / "shop.key").write_text(SHOWN.key_pem)
    more = {"GALLEY_SECRETS_KEY_FILE": str(tmp_path / "secrets.key")}
    with galley_served(tmp_path, more) as url:
        monkeypatch.setattr(secret, "connect", lambda _: Galley(url, "secret"))
        yield tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(application(["secret"]), ["secret", *words])


def create(folder: Path, key: str = "shop.key", *more: str) -> Result:
    files = ("--cert", str(folder / "shop.pem"), "--key", str(folder / key))
    return run("create", "tls", "shop", *files, "-n", "istio-system", *more)


def test_a_secret_is_created_listed_and_deleted(folder: Path) -> None:
    made = create(folder, "shop.key", "--allow-namespace", "shop")
    assert made.exit_code == 0, made.output
    assert "secret/shop created (for shop.example, until 2030-01-02" in made.output
    assert "secret/shop configured" in create(folder).output
    made = create(folder, "shop.key", "--allow-namespace", "shop")
    listed = run("list")
    assert ["istio-system", "shop"] in [
        line.split()[:2] for line in listed.output.splitlines()
    ]
    assert '"allowedNamespaces": [' in run("list", "-o", "json").output
    assert "PRIVATE" not in made.output + listed.output
    gone = run("delete", "shop", "-n", "istio-system")
    assert "secret/shop deleted" in gone.output
    again = run("delete", "shop", "-n", "istio-system")
    assert again.exit_code != 0
    assert "there is no secret istio-system/shop" in again.output


def test_what_cannot_be_served_is_refused_with_the_reason(folder: Path) -> None:
    (folder / "other.key").write_text(web_certificate("other").key_pem)
    refused = create(folder, "other.key")
    assert refused.exit_code != 0
    assert "not that of the first certificate" in refused.output
    absent = create(folder, "absent.key")
    assert absent.exit_code != 0
    assert "absent.key" in "".join(re.findall(r"[\w./-]+", absent.output))  # it wraps
