"""Questions a second that one agent answers for the mesh, on one processor."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import psutil
from measure import Figure
from prometheus_client import CollectorRegistry

from meltemi.proxy.adapters.dns_metrics import DnsMetrics
from meltemi.proxy.adapters.dns_server import DnsServer, bound
from meltemi.proxy.adapters.nameservers import Nameservers, ResolvFile, Way
from meltemi.proxy.dns.names import Names
from meltemi.testkit.agents import local
from meltemi.testkit.dns import question
from meltemi.xds.name_table import Name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.synchronize import Event

    from meltemi.runtime.settings import Address

HOSTS, QUESTIONS, AT_ONCE, TURNS = 5000, 20_000, 32, 3
"""The fastest turn counts: the one that others disturbed least."""

PER_SECOND = 5000


def figures() -> Iterator[Figure]:
    """Yield how many are answered, and what one costs."""
    context, at = get_context("spawn"), local()
    ready = context.Event()
    process = context.Process(target=_serve, args=(at, ready), daemon=True)
    process.start()
    try:
        ready.wait(30)
        assert process.pid is not None
        found = [_turn(at, psutil.Process(process.pid)) for _ in range(TURNS)]
    finally:
        process.kill()
        process.join()
    rate = max(each for each, _ in found)
    yield Figure(
        "DNS, names of the mesh", rate, "1/s", PER_SECOND, higher_is_better=True
    )
    cost = min(each for _, each in found)
    yield Figure("the agent's processor time for one", cost * 1e6, "us")


def _serve(at: Address, ready: Event) -> None:
    first, *_ = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {first})
    metrics, file = (
        DnsMetrics(CollectorRegistry()),
        ResolvFile(Path("/etc/resolv.conf")),
    )
    nobody = Nameservers(file, Way(), Random(1), metrics)  # noqa: S311 - is not asked
    server = DnsServer(file, nobody, metrics)
    names = {
        _host(each): Name(
            (f"240.240.{each // 250}.{each % 250 + 1}",), "", f"s{each}", "default"
        )
        for each in range(HOSTS)
    }
    server.names = Names(names, "default")
    with bound((at,)) as sockets:
        ready.set()
        asyncio.run(server.serve(sockets))


def _host(number: int) -> str:
    return f"s{number}.default.svc.cluster.local"


def _turn(at: Address, server: psutil.Process) -> tuple[float, float]:
    """Return questions a second, and the processor time of one in seconds."""
    asked = [question(_host(each), size=1232) for each in range(HOSTS)]
    before, begun = server.cpu_times(), time.perf_counter()
    _ask(at, asked)
    taken, after = time.perf_counter() - begun, server.cpu_times()
    used = after.user + after.system - before.user - before.system
    return QUESTIONS / taken, used / QUESTIONS


def _ask(at: Address, asked: Sequence[bytes]) -> None:
    """Ask everything, so many at once; one that is lost is an error."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.connect((at.host, at.port))
        for number in range(QUESTIONS + AT_ONCE):
            if number >= AT_ONCE:
                assert select.select([door], [], [], 10)[0], "an answer was lost"
                door.recv(4096)
            if number < QUESTIONS:
                door.send(asked[number % len(asked)])
