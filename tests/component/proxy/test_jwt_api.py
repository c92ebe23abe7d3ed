"""PyPI's ``spiffe``, an independent client, gets tokens of a Citadel by an agent."""

from __future__ import annotations

import asyncio
import queue
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from spiffe import JwtBundleSet, JwtSvid, WorkloadApiClient
from spiffe.spiffe_id.spiffe_id import SpiffeId, TrustDomain
from spiffe.workloadapi.errors import FetchJwtSvidError, ValidateJwtSvidError

from meltemi.credentials.citadel import CitadelClient, CitadelUnavailableError
from meltemi.identity.svid_wire import SvidAnswer, SvidKeys
from meltemi.kernel.clock import SystemClock
from meltemi.proxy.adapters.jwt_api import JwtApi
from meltemi.proxy.adapters.jwt_source import JwtSource
from meltemi.proxy.adapters.sockets import private_folder, serving_sockets
from meltemi.proxy.adapters.workload_door import WorkloadDoor
from meltemi.testkit.authority import RATINGS, REVIEWS, credential
from meltemi.testkit.citadels import ADMIN, Citadel, citadel
from meltemi.testkit.fakes.clock import StillClock
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.web_certificates import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.identity.credential import Credential

DOMAIN = TrustDomain("cluster.local")


@dataclass
class Served:
    """A Citadel, and the socket of an agent of it."""

    office: Citadel
    held: Credential
    address: str


@asynccontextmanager
async def served(
    folder: Path, *, key_life: timedelta = timedelta(days=1)
) -> AsyncIterator[Served]:
    private_folder(folder / "run")
    socket, clock = folder / "run" / "sds.sock", SystemClock()
    async with citadel(folder, MemoryLedger(), token_key_life=key_life) as office:
        held = await office.join()
        settings = office.settings
        client = CitadelClient(
            settings.bootstrap_address, settings.renewal_address, REVIEWS
        )
        source = JwtSource(client, lambda: held, clock)
        api = JwtApi(source, REVIEWS, WorkloadDoor(), clock)
        async with serving_sockets((api.handler(),), (socket,)):
            yield Served(office, held, f"unix://{socket}")


async def test_an_independent_client_gets_a_token_and_verifies_it(
    tmp_path: Path,
) -> None:
    def use(address: str) -> None:
        with WorkloadApiClient(address) as client:
            svid = client.fetch_jwt_svid(audience={"payments"})
            assert str(svid.spiffe_id) == str(REVIEWS)
            again = client.fetch_jwt_svid(
                audience={"payments"}, subject=SpiffeId(str(REVIEWS))
            )
            assert again.token == svid.token, "until half of its life"
            other = client.fetch_jwt_svid(audience={"orders"})
            assert other.token != svid.token
            bundle = client.fetch_jwt_bundles().get_bundle_for_trust_domain(DOMAIN)
            assert bundle is not None
            JwtSvid.parse_and_validate(svid.token, bundle, {"payments"})
            checked = client.validate_jwt_svid(svid.token, audience="payments")
            assert str(checked.spiffe_id) == str(REVIEWS)
            for audience, token in (("orders", svid.token), ("payments", "a.b.c")):
                with pytest.raises(ValidateJwtSvidError):
                    client.validate_jwt_svid(token, audience=audience)
            with pytest.raises(FetchJwtSvidError, match="not this workload"):
                client.fetch_jwt_svid(
                    audience={"payments"}, subject=SpiffeId(str(RATINGS))
                )

    async with served(tmp_path) as here:
        await asyncio.to_thread(use, here.address)


async def test_a_denied_workload_gets_no_token(tmp_path: Path) -> None:
    def use(address: str) -> None:
        denied = pytest.raises(FetchJwtSvidError, match="denied")
        with WorkloadApiClient(address) as client, denied:
            client.fetch_jwt_svid(audience={"payments"})

    async with served(tmp_path) as here:
        await here.office.admin("POST", "revoke", identity=str(REVIEWS))
        await asyncio.to_thread(use, here.address)


async def test_an_application_hears_of_a_new_key_and_of_one_that_is_withdrawn(
    tmp_path: Path,
) -> None:
    seen: queue.Queue[set[str]] = queue.Queue()

    def heard(found: JwtBundleSet) -> None:
        bundle = found.get_bundle_for_trust_domain(DOMAIN)
        assert bundle is not None
        seen.put(set(bundle.jwt_authorities))

    def newer(than: set[str]) -> set[str]:
        while (found := seen.get(timeout=20)) == than:
            pass
        return found

    async with served(tmp_path, key_life=timedelta(seconds=4)) as here:
        client = WorkloadApiClient(here.address)
        follows = client.stream_jwt_bundles(heard, lambda _: None)
        first = await asyncio.to_thread(seen.get, timeout=20)
        both = await asyncio.to_thread(newer, first)
        assert first < both
        (old,) = first
        place = f"/v1/ca/keys/jwt-svid/{old}"
        assert (await here.office.http.delete(place, headers=ADMIN)).is_success
        left = await asyncio.to_thread(newer, both)
        assert old not in left
        follows.cancel()
        await asyncio.to_thread(client.close)


async def test_a_token_of_a_key_that_is_new_to_the_agent_is_believed(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as here:
        settings, held = here.office.settings, here.held
        client = CitadelClient(
            settings.bootstrap_address, settings.renewal_address, REVIEWS
        )
        clock = StillClock(SystemClock().now())
        behind = JwtSource(client, lambda: held, clock)
        (old,) = (await behind.keys()).keys
        place = f"/v1/ca/keys/jwt-svid/{old['kid']}"
        assert (await here.office.http.delete(place, headers=ADMIN)).is_success
        assert (await behind.keys()).keys == (old,), "asked not long ago"
        clock.advance(5)
        (new,) = (await behind.keys(newer=True)).keys
        assert new["kid"] != old["kid"]


class Away:
    """A Citadel that comes and goes, and counts."""

    def __init__(self, clock: StillClock) -> None:
        self.clock, self.away, self.asked = clock, False, 0

    def _answers(self) -> None:
        self.asked += 1
        if self.away:
            raise CitadelUnavailableError("away")

    async def svid(self, held: Credential, audience: tuple[str, ...]) -> SvidAnswer:
        del held, audience
        self._answers()
        ends = self.clock.now() + timedelta(minutes=5)
        return SvidAnswer(str(REVIEWS), str(self.asked), ends)

    async def svid_keys(self, held: Credential) -> SvidKeys:
        del held
        self._answers()
        return SvidKeys(("cluster.local",), ({"kid": str(self.asked)},), 300)


async def test_a_token_is_kept_for_half_its_life_and_without_citadel_to_its_end() -> (
    None
):
    clock = StillClock(NOW)
    away = Away(clock)
    held = credential(now=NOW)
    source = JwtSource(away, lambda: held, clock)
    async with asyncio.TaskGroup() as tasks:
        many = [tasks.create_task(source.svid(("a",))) for _ in range(20)]
    assert {each.result().svid for each in many} == {"1"}, "many ask, Citadel once"
    clock.advance(149)
    assert (await source.svid(("a",))).svid == "1"
    clock.advance(1)
    assert (await source.svid(("a",))).svid == "2"
    away.away = True
    clock.advance(299)
    assert (await source.svid(("a",))).svid == "2"
    clock.advance(1)
    with pytest.raises(CitadelUnavailableError):
        await source.svid(("a",))


async def test_keys_are_asked_for_again_in_time_and_kept_without_citadel() -> None:
    clock = StillClock(NOW)
    away = Away(clock)
    held = credential(now=NOW)
    source = JwtSource(away, lambda: held, clock)
    first = await source.keys()
    clock.advance(299)
    assert await source.keys() == first
    clock.advance(1)
    second = await source.keys()
    assert second != first
    assert await source.keys(newer=True) == second, "not twice in five seconds"
    away.away = True
    clock.advance(1000)
    assert await source.keys() == second
    assert await source.keys() == second
    assert away.asked == 3, "it is not pressed"
    away.away = False
    clock.advance(5)
    assert await source.keys() != second


async def test_before_there_is_a_certificate_there_is_no_token() -> None:
    clock = StillClock(NOW)
    source = JwtSource(Away(clock), lambda: None, clock)
    with pytest.raises(CitadelUnavailableError, match="no certificate yet"):
        await source.svid(("a",))
