"""The commands that ask Citadel, against one that runs."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from meltemi.ctl.application import application
from meltemi.ctl.citadel import ca as ca_command
from meltemi.ctl.citadel import cert, identity, workload_token
from meltemi.ctl.galley.client import Answer, Galley
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.citadels import Citadel, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def asking(office: Citadel, monkeypatch: pytest.MonkeyPatch) -> Any:
    server = Galley(str(office.http.base_url).rstrip("/"), "open-sesame")
    for module in (cert, identity, workload_token, ca_command):
        monkeypatch.setattr(module, "citadel", lambda _: server)

    class NoWorkloads:
        def get(self, _: str) -> Answer:
            return Answer(404, {})

    monkeypatch.setattr(identity, "connect", lambda _: NoWorkloads())

    async def ask(*words: str, code: int = 0) -> str:
        run = CliRunner().invoke
        done = await asyncio.to_thread(run, application(words), list(words))
        assert done.exit_code == code, done.output
        return done.output

    return ask


async def test_a_certificate_is_listed_shown_denied_and_allowed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        ask = asking(office, monkeypatch)
        serial = f"{(await office.join()).leaf.serial_number:x}"
        assert serial in await ask("cert", "list", "-n", "default")
        assert serial not in await ask("cert", "list", "-n", "other")
        (found,) = json.loads(await ask("cert", "list", "-o", "json"))
        assert (found["serial"], found["denied"]) == (serial, False)
        assert str(REVIEWS) in await ask("cert", "show", serial.upper())
        assert "no certificate" in await ask("cert", "show", "1", code=1)
        for which in (serial, str(REVIEWS)):
            assert "is denied" in await ask("cert", "revoke", which, "--reason", "lost")
            assert "DENIED" in await ask("cert", "list")
            assert "no more" in await ask("cert", "revoke", which, "--lift")
            assert "DENIED" not in await ask("cert", "list")
        await ask("cert", "revoke", "not-a-number", code=65)


async def test_an_identity_is_shown_with_all_that_stands_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = {"namespace": "default", "service_account": "bookinfo-reviews"}
    async with citadel(tmp_path, MemoryLedger()) as office:
        ask = asking(office, monkeypatch)
        nobody = await ask("identity", "bookinfo-reviews", code=1)
        assert f"nothing is known of {REVIEWS}" in nobody
        held = await office.join()
        await office.admin("PUT", "entries/reviews", **who)
        await office.admin("POST", "revoke", identity=str(REVIEWS))
        text = await ask("identity", str(REVIEWS))
        told = json.loads(await ask("identity", "bookinfo-reviews", "-o", "json"))
    assert told["identity"] == str(REVIEWS)
    assert told["denied"] is True
    assert "reviews (enabled)" in text
    assert f"{held.leaf.serial_number:x} of O=cluster.local until" in text
    assert "yes" in text


async def test_the_authority_shows_its_roots_and_issuers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        ask = asking(office, monkeypatch)
        told = json.loads(await ask("ca", "status", "-o", "json"))
        assert [each["subject"] for each in told["roots"]] == ["O=cluster.local"]
        assert len(told["roots"][0]["sha256"]) == 64
        assert "https://citadel/cluster.local" in await ask("ca", "status")


async def test_workload_tokens_are_made_listed_and_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with citadel(tmp_path, MemoryLedger()) as office:
        ask = asking(office, monkeypatch)
        wish = ("--ns", "default", "--sa", "bookinfo-reviews")
        more = ("--many", "--cidr", "127.0.0.0/8", "--node", "n1", "--ttl", "1h")
        text = (await ask("token", "create", *wish, *more)).splitlines()[-1]
        assert text.startswith("eyJ")
        (item,) = json.loads(await ask("token", "list", "--workloads", "-o", "json"))
        assert (item["once"], item["cidr"], item["node"]) == (
            False,
            "127.0.0.0/8",
            "n1",
        )
        assert "many" in await ask("token", "list", "--workloads")
        assert "revoked" in await ask("token", "revoke", item["id"])
        assert "revoked" in await ask("token", "list", "--workloads")
