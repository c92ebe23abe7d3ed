"""Citadel's administration for other machines: over TLS, with files of its owner."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.citadel.assembly import serve
from meltemi.citadel.settings import CitadelSettings
from meltemi.runtime.settings import Address
from meltemi.testkit.agents import local
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.waiting import eventually
from meltemi.testkit.web_certificates import web_certificate, web_root

if TYPE_CHECKING:
    from pathlib import Path


def settings(folder: Path, **changes: object) -> CitadelSettings:
    (folder / "admin").write_text("open-sesame")
    told: dict[str, object] = {
        "http_address": local(),
        "bootstrap_address": local(),
        "renewal_address": local(),
        "etcd_endpoints": (local(),),
        "state_dir": folder / "citadel",
        "admin_token_file": folder / "admin",
    }
    return CitadelSettings.model_validate(told | changes)


def show(folder: Path) -> int:
    """Put a new certificate where Citadel's files are; return its serial number."""
    made = web_certificate("127.0.0.1")
    (folder / "key.pem").write_text(made.key_pem)
    (folder / "cert.pem").write_text(made.pem)
    return made.certificate.serial_number


async def serial_shown(address: Address, roots: ssl.SSLContext) -> int:
    _, writer = await asyncio.open_connection(address.host, address.port, ssl=roots)
    found = writer.get_extra_info("ssl_object").getpeercert()
    writer.close()
    return int(found["serialNumber"], 16)


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    first = show(tmp_path)
    files = {
        "tls_cert_file": tmp_path / "cert.pem",
        "tls_key_file": tmp_path / "key.pem",
    }
    told = settings(tmp_path, **files)
    roots = ssl.create_default_context(cadata=web_root().pem)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(told, MemoryLedger(), stopping))
        url = f"https://{told.http_address}"
        async with httpx2.AsyncClient(base_url=url, verify=roots) as client:

            async def answers() -> bool:
                try:
                    return (await client.get("/v1/ca/bundle")).status_code == 200
                except httpx2.TransportError:
                    return False

            await eventually(answers)
        assert await serial_shown(told.http_address, roots) == first
        second = show(tmp_path)
        assert await serial_shown(told.http_address, roots) == second
        stopping.set()


def test_tokens_are_not_made_in_plain_text_for_other_machines(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not on loopback"):
        settings(tmp_path, http_address=Address("10.1.0.7", 15014))


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="belong together"):
        settings(tmp_path, tls_cert_file=tmp_path / "cert.pem")


def test_a_root_does_not_leave_before_its_certificates(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rotation_drain"):
        settings(tmp_path, rotation_drain=60)
    short = {"workload_ttl": 30, "max_workload_ttl": 30, "rotation_drain": 33}
    assert settings(tmp_path, **short).rotation_waits.drain.total_seconds() == 33
