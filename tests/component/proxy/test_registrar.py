from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI, Request, Response

from meltemi.credentials.citadel import CitadelClient
from meltemi.credentials.keeper import Keeper, Proofs
from meltemi.credentials.wallet import Wallet
from meltemi.identity.certificate import certificate_pem
from meltemi.kernel.clock import SystemClock
from meltemi.proxy.adapters.galley_door import GalleyDoor
from meltemi.proxy.adapters.registrar import Registrar
from meltemi.runtime.http import serve_http
from meltemi.runtime.tls import TlsFiles
from meltemi.testkit.agents import NOWHERE, agent_settings, local
from meltemi.testkit.authority import REVIEWS, credential, write_credential
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PATH = "/apis/networking.istio.io/v1/namespaces/default/workloadentries/reviews-v1"


@dataclass
class FakeGalley:
    """Answers with ``answers`` in turn, then 200, and remembers the calls."""

    answers: list[int] = field(default_factory=list)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)

    async def handle(self, request: Request) -> Response:
        proof = request.headers["authorization"]
        self.calls.append((request.method, request.url.path, proof))
        self.conditions.append(request.headers.get("if-none-match", ""))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    @asynccontextmanager
    async def serving(self, tls: TlsFiles | None = None) -> AsyncIterator[str]:
        app, address, stopping = FastAPI(), local(), asyncio.Event()
        app.add_api_route(
            "/{path:path}", self.handle, methods=["PUT", "PATCH", "DELETE"]
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve_http(app, address, stopping=stopping, tls=tls))
            yield f"{'https' if tls else 'http'}://{address}"
            stopping.set()


EVERY = 0.05
"""Seconds between registrations here: a test does not wait for half a minute."""


@asynccontextmanager
async def keeping(workload: Registrar) -> AsyncIterator[None]:
    """Let ``workload`` register while the context lasts."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(workload.keep())
        yield
        task.cancel()


def registrar(
    directory: Path,
    url: str,
    *,
    every: float = 60.0,
    group: str = "",
    ca: Path | None = None,
    **ports: int,
) -> Registrar:
    settings = agent_settings(
        directory, galley_url=url, galley_ca_file=ca, entry_ports=ports, group=group
    )
    clock, rng = SystemClock(), Random(1)  # noqa: S311 - a jitter
    keeper = Keeper(
        CitadelClient(NOWHERE, NOWHERE, REVIEWS),
        Proofs(directory / "roots", None),
        Wallet(directory / "wallet", directory / "wallet.key"),
        clock,
        rng,
    )
    keeper.held = credential(now=clock.now())
    keeper.arrived.set()
    return Registrar(settings, GalleyDoor(settings, keeper, clock), rng, every)


async def test_a_workload_registers_until_galley_takes_it_and_leaves_once(
    tmp_path: Path,
) -> None:
    galley = FakeGalley(answers=[503])
    async with galley.serving() as url:
        workload = registrar(tmp_path, url, http=21100)
        async with keeping(workload):
            await until(lambda: len(galley.calls) == 2)
            await workload.leave()
    assert [(method, path) for method, path, _ in galley.calls] == [
        ("PUT", PATH),
        ("PUT", PATH),
        ("DELETE", PATH),
    ]
    assert all(proof.startswith("Bearer ey") for _, _, proof in galley.calls)


async def test_a_workload_of_a_group_needs_no_ports_of_its_own(tmp_path: Path) -> None:
    galley = FakeGalley()
    async with galley.serving() as url:
        await registrar(tmp_path, url).keep()
        assert not galley.calls, "nothing is known of it"
        async with keeping(registrar(tmp_path, url, group="reviews")):
            await until(lambda: len(galley.calls) == 1)


async def test_a_workload_says_again_and_again_that_it_is_here(tmp_path: Path) -> None:
    """An entry that somebody deleted is back after one interval."""
    galley = FakeGalley()
    async with galley.serving() as url:
        workload = registrar(tmp_path, url, every=EVERY, http=21100)
        async with keeping(workload):
            await until(lambda: len(galley.calls) >= 4)
    assert {method for method, _, _ in galley.calls} == {"PUT"}


async def test_what_others_made_of_the_entry_is_let_stand(tmp_path: Path) -> None:
    galley = FakeGalley(answers=[201, 412, 412, 503])
    async with galley.serving() as url:
        workload = registrar(tmp_path, url, every=EVERY, http=21100)
        async with keeping(workload):
            await until(lambda: len(galley.calls) >= 3)
            assert workload._why is None, "412: it is there"
    assert galley.conditions[:3] == ["", "*", "*"]


async def test_a_workload_that_left_does_not_come_back(tmp_path: Path) -> None:
    galley = FakeGalley()
    async with galley.serving() as url:
        workload = registrar(tmp_path, url, every=EVERY, http=21100)
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(workload.keep())
            await until(lambda: len(galley.calls) >= 2)
            await workload.leave()
    assert [method for method, _, _ in galley.calls].index("DELETE") == (
        len(galley.calls) - 1
    )


async def test_a_workload_whose_last_word_failed_still_takes_its_entry_back(
    tmp_path: Path,
) -> None:
    galley = FakeGalley(answers=[200, 503])
    async with galley.serving() as url:
        workload = registrar(tmp_path, url, every=EVERY, http=21100)
        async with keeping(workload):
            await until(lambda: len(galley.calls) == 2)
            await workload.leave()
    assert galley.calls[-1][0] == "DELETE"


@pytest.mark.parametrize(
    ("roots", "why"),
    [
        ("galley's", None),
        ("others'", "CERTIFICATE_VERIFY_FAILED"),
        ("missing", "no roots to believe Galley by"),
        ("none", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
async def test_a_galley_over_https_is_believed_by_the_roots_of_the_agent(
    tmp_path: Path, roots: str, why: str | None
) -> None:
    shown = credential(now=SystemClock().now(), local_server=True)
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    ours.write_text(certificate_pem(*shown.roots), encoding="ascii")
    theirs.write_text(certificate_pem(*credential().roots), encoding="ascii")
    files = {"galley's": ours, "others'": theirs, "missing": tmp_path / "x"}
    galley = FakeGalley()
    tls = TlsFiles(*write_credential(tmp_path, "galley", shown))
    async with galley.serving(tls) as url:
        workload = registrar(tmp_path, url, ca=files.get(roots), http=21100)
        await workload._assert()
    assert (why or "") in (workload._why or "")
    assert bool(galley.calls) == (workload._why is None) == (why is None)


async def test_a_gateway_registers_nothing(tmp_path: Path) -> None:
    galley = FakeGalley()
    async with galley.serving() as url:
        gateway = registrar(tmp_path, url)
        await gateway.keep()
        await gateway.leave()
    assert not galley.calls


async def test_a_galley_that_is_gone_does_not_hold_up_the_end(tmp_path: Path) -> None:
    galley = FakeGalley()
    async with galley.serving() as url:
        workload = registrar(tmp_path, url, http=21100)
        async with keeping(workload):
            await until(lambda: bool(galley.calls))
    async with asyncio.timeout(4):
        await workload.leave()


async def test_after_a_new_stream_a_workload_says_that_it_is_here(
    tmp_path: Path,
) -> None:
    """Whoever took it for gone removed its entry: it is back long before half a minute."""
    galley = FakeGalley()
    async with galley.serving() as url:
        workload = registrar(tmp_path, url, http=21100)
        async with keeping(workload):
            await until(lambda: len(galley.calls) == 1)
            workload.reconnected()
            await until(lambda: len(galley.calls) == 2)
    assert galley.conditions == ["", "*"]


async def test_what_was_found_is_told_at_once_and_again_until_galley_takes_it(
    tmp_path: Path,
) -> None:
    galley = FakeGalley(answers=[201, 412, 503])
    async with galley.serving() as url:
        workload = registrar(tmp_path, url, http=21100)
        workload.await_finding()
        async with keeping(workload):
            workload.report(well=True)
            await until(lambda: len(galley.calls) == 1)
            galley.answers += [412, 200]
            workload.report(well=False)
            await until(lambda: len(galley.calls) == 5)
            workload.report(well=False)
    methods = [method for method, _, _ in galley.calls]
    assert methods == ["PUT", "PUT", "PATCH", "PUT", "PATCH"]


async def test_nothing_is_said_of_a_workload_before_it_was_looked_at(
    tmp_path: Path,
) -> None:
    galley = FakeGalley()
    async with galley.serving() as url:
        workload = registrar(tmp_path, url, http=21100)
        workload.await_finding()
        async with keeping(workload):
            with pytest.raises(TimeoutError):
                await until(lambda: bool(galley.calls), seconds=0.3)
            workload.report(well=False)
            await until(lambda: len(galley.calls) == 1)
