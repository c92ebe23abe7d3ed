"""A new root over Citadel's REST: who may ask for it, and what is refused."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.citadels import ADMIN, citadel
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from meltemi.testkit.citadels import Citadel

PATH = "/v1/ca/rotation"
READER = {"authorization": "Bearer reader"}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Citadel]:
    access = tmp_path / "access.yaml"
    digest = hashlib.sha256(b"reader").hexdigest()
    access.write_text(f"[{{name: ci, sha256: {digest}, scopes: ['ca:read']}}]\n")
    async with citadel(tmp_path, MemoryLedger(), access_file=access) as office:
        yield office


async def ask(
    office: Citadel, method: str, step: str = "", who: dict[str, str] = ADMIN
) -> httpx2.Response:
    return await office.http.request(method, f"{PATH}{step}", headers=who)


async def test_t22_a_rotation_is_for_those_with_the_right_to_it(
    office: Citadel,
) -> None:
    for step in ("", "/taint", "/retire", "/abandon"):
        assert (await ask(office, "POST", step, READER)).status_code == 403, step
    found = (await ask(office, "GET", who=READER)).json()
    assert found["phase"] == "STEADY"
    (only,) = found["generations"]
    assert only["state"] == "signs"
    assert (await ask(office, "GET", who={})).status_code == 401


async def test_t22_a_root_with_living_certificates_is_not_retired(
    office: Citadel,
) -> None:
    begun = await ask(office, "POST")
    assert begun.status_code == 201
    assert [each["state"] for each in begun.json()["generations"]] == [
        "signs",
        "prepared",
    ]
    again = await ask(office, "POST")
    assert again.status_code == 409
    assert "a rotation is under way" in again.json()["detail"]
    early = await ask(office, "POST", "/retire")
    assert (early.status_code, early.json()["code"]) == (409, "citadel.rotation")
    back = await ask(office, "POST", "/abandon")
    assert (back.json()["phase"], len(back.json()["generations"])) == ("STEADY", 1)


async def test_a_taint_begins_a_rotation_that_has_no_way_back(office: Citadel) -> None:
    tainted = (await ask(office, "POST", "/taint")).json()
    assert [each["tainted"] for each in tainted["generations"]] == [True, False]
    refused = await ask(office, "POST", "/abandon")
    assert refused.status_code == 409
    assert "no way back" in refused.json()["detail"]


async def test_t22_a_tainted_root_with_living_certificates_is_not_retired(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with citadel(tmp_path, ledger, rotation_distribute=3600) as office:
        await office.join()
        await ask(office, "POST", "/taint")

        async def drains() -> bool:
            return bool((await ask(office, "GET")).json()["phase"] == "DRAIN")

        await eventually(drains, seconds=30)
        found = (await ask(office, "GET")).json()
        assert found["living"] >= 1
        refused = await ask(office, "POST", "/retire")
        assert refused.status_code == 409
        assert "retire --force" in refused.json()["detail"]
        forced = await ask(office, "POST", "/retire?force=true")
        assert (forced.json()["phase"], forced.json()["living"]) == ("STEADY", 0)
