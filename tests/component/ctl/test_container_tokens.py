"""The job that keeps tokens in the volumes of those who need them, at a real Citadel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.containers.places import Newcomer
from meltemi.ctl.containers.tokens import NoTokenError, write_tokens
from meltemi.ctl.galley.client import Galley
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import CertificateRequest
from meltemi.testkit.authority import RATINGS, REVIEWS
from meltemi.testkit.citadels import citadel
from meltemi.testkit.fakes.ledger import MemoryLedger

if TYPE_CHECKING:
    from pathlib import Path

WEB = Newcomer("web", REVIEWS.namespace, REVIEWS.service_account)


async def test_a_token_serves_every_start_of_its_container_and_its_identity_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "galley").mkdir()
    (tmp_path / "galley" / "ca.pem").write_text("servers")
    async with citadel(tmp_path, MemoryLedger()) as office:
        asked = Galley(f"http://{office.settings.http_address}", "open-sesame")
        await asyncio.to_thread(write_tokens, asked, tmp_path, [WEB], ["galley"])
        token = (tmp_path / "web" / "token").read_text().strip()
        for _ in range(2):
            request = CertificateRequest(build_csr(new_key(), REVIEWS))
            assert (await office.ask(request, token=token)).chain
        other = build_csr(new_key(), RATINGS)
        await office.refusal(CertificateRequest(other), token=token)
        for reader in ("web", "galley"):
            assert (tmp_path / reader / "roots.pem").read_bytes() == office.roots
        assert (tmp_path / "web" / "ca.pem").read_text() == "servers"


async def test_who_is_no_administrator_gets_no_token(tmp_path: Path) -> None:
    (tmp_path / "galley").mkdir()
    (tmp_path / "galley" / "ca.pem").write_text("servers")
    async with citadel(tmp_path, MemoryLedger()) as office:
        asked = Galley(f"http://{office.settings.http_address}", "guessed")
        with pytest.raises(NoTokenError, match="administrator"):
            await asyncio.to_thread(write_tokens, asked, tmp_path, [WEB], [])
    assert not (tmp_path / "web" / "token").exists()
