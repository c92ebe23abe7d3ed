"""DNS for an application: real sockets, nameservers that say what the test wants."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from meltemi.proxy.adapters import dns_server, nameservers
from meltemi.proxy.adapters.dns_metrics import DnsMetrics
from meltemi.proxy.adapters.dns_server import DnsAddressError, DnsServer, bound
from meltemi.proxy.adapters.nameservers import Nameservers, ResolvFile, Way
from meltemi.proxy.dns.names import Names
from meltemi.testkit.agents import local
from meltemi.testkit.dns import (
    AAAA,
    SRV,
    A,
    Reply,
    absent,
    question,
    taken_apart,
    told,
)
from meltemi.testkit.fakes.nameserver import (
    FakeNameserver,
    asked_over_tcp,
    asked_over_udp,
)
from meltemi.testkit.processes import free_port
from meltemi.xds.name_table import Name, NamedPort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FIRST, SECOND = "127.0.0.2", "127.0.0.3"
MANY = tuple(f"10.9.0.{each}" for each in range(1, 101))
PORTS = (NamedPort("http", "tcp", 9080),)
TABLE = {
    "reviews.default.svc.cluster.local": Name(
        ("240.240.0.1",), "External", "reviews", "default", PORTS
    ),
    "many.default.svc.cluster.local": Name(MANY, "Kubernetes", "many", "default"),
}


class Machine:
    """A machine with one or two nameservers, of which none is there yet."""

    def __init__(self, directory: Path, *, search: str = "corp.example") -> None:
        self.resolv_conf = directory / "resolv.conf"
        text = f"nameserver {FIRST}\nnameserver {SECOND}\nsearch {search}\n"
        self.resolv_conf.write_text(text)
        self.upstream, self.at = free_port(), local()
        self.registry = CollectorRegistry()
        metrics = DnsMetrics(self.registry)
        file = ResolvFile(self.resolv_conf)
        asking = Nameservers(file, Way(self.upstream), Random(1), metrics)  # noqa: S311 - ids
        self.server = DnsServer(file, asking, metrics)
        self.server.names = Names(TABLE, "default")

    @asynccontextmanager
    async def serving(
        self, first: FakeNameserver | None = None, second: FakeNameserver | None = None
    ) -> AsyncIterator[None]:
        """Answer while the context lasts; the nameservers that are given do, too."""
        with bound((self.at,)) as sockets:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self.server.serve(sockets))
                try:
                    async with (
                        _serving(first, FIRST, self.upstream),
                        _serving(second, SECOND, self.upstream),
                    ):
                        yield
                finally:
                    running.cancel()

    async def ask(self, host: str, kind: int = A, *, size: int = 0) -> Reply:
        """Return the answer over UDP."""
        raw = question(host, kind, size=size)
        return taken_apart(await asked_over_udp(self.at.host, self.at.port, raw))

    def counted(self, name: str) -> float:
        """Return what one of the agent's counters says."""
        found = self.registry.get_sample_value(f"meltemi_agent_dns_{name}_total")
        assert found is not None
        return found


@asynccontextmanager
async def _serving(
    server: FakeNameserver | None, host: str, port: int
) -> AsyncIterator[None]:
    if server is None:
        yield
        return
    async with server.serving(host, port):
        yield


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_names_of_the_mesh_resolve_with_every_nameserver_dead(
    machine: Machine,
) -> None:
    async with machine.serving():
        assert (await machine.ask("reviews")).values == ["240.240.0.1"]
        assert (await machine.ask("reviews", AAAA)).code == 0
        expanded = await machine.ask("reviews.corp.example")
        assert expanded.values == ["240.240.0.1"]
        host, port = machine.at.host, machine.at.port
        asked = [question("reviews", ident=1), question("many", ident=2)]
        raws = await asked_over_tcp(host, port, *asked)
        assert [taken_apart(raw).ident for raw in raws] == [1, 2]
    assert machine.counted("requests") == 5
    assert machine.counted("upstream_requests") == 0


async def test_ports_of_the_mesh_are_found_with_every_nameserver_dead(
    machine: Machine,
) -> None:
    async with machine.serving():
        found = await machine.ask("_http._tcp.reviews.default.svc.cluster.local", SRV)
    ((_, kind, _, value),) = found.records
    assert (kind, value) == (SRV, "0 100 9080 reviews.default.svc.cluster.local")
    assert [each[3] for each in found.more] == ["240.240.0.1"]
    assert machine.counted("upstream_requests") == 0


async def test_an_answer_that_does_not_fit_is_whole_over_tcp(machine: Machine) -> None:
    async with machine.serving():
        cut = await machine.ask("many")
        assert cut.truncated
        assert 0 < len(cut.values) < len(MANY)
        assert not (await machine.ask("many", size=4096)).truncated
        host, port = machine.at.host, machine.at.port
        (raw,) = await asked_over_tcp(host, port, question("many"))
        assert sorted(taken_apart(raw).values) == sorted(MANY)


async def test_other_names_are_asked_for_once_and_kept(machine: Machine) -> None:
    first = FakeNameserver()
    async with machine.serving(first):
        assert (await machine.ask("example.com")).values == ["192.0.2.1"]
        again = await machine.ask("EXAMPLE.com")
        assert (again.values, again.asked) == (["192.0.2.1"], "EXAMPLE.com")
    assert len(first.heard) == 1
    assert machine.counted("cache_hits") == 1


async def test_what_does_not_fit_is_asked_for_over_tcp_and_told_whole(
    machine: Machine,
) -> None:
    first = FakeNameserver(
        lambda asked: told(asked, truncated=True), lambda asked: told(asked, *MANY)
    )
    async with machine.serving(first):
        assert (await machine.ask("example.com")).truncated
        host, port = machine.at.host, machine.at.port
        (raw,) = await asked_over_tcp(host, port, question("example.com"))
        assert taken_apart(raw).values == list(MANY)
    assert len(first.heard) == 2, "over UDP, over TCP, and then from what was kept"


@pytest.mark.parametrize("code", [2, 5], ids=["failure", "refusal"])
async def test_the_second_is_asked_where_the_first_has_an_excuse(
    machine: Machine, code: int
) -> None:
    first = FakeNameserver(lambda asked: told(asked, code=code))
    async with machine.serving(first, FakeNameserver()):
        assert (await machine.ask("example.com")).values == ["192.0.2.1"]


async def test_the_second_is_asked_where_the_first_is_silent_and_need_not_wait(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nameservers, "PATIENCE_SECONDS", 0.01)
    first = FakeNameserver(lambda _: None)
    async with machine.serving(first, FakeNameserver()):
        assert (await machine.ask("example.com")).values == ["192.0.2.1"]
    assert len(first.heard) == 1


async def test_with_every_nameserver_dead_the_asker_is_told_to_try_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nameservers, "LIMIT_SECONDS", 0.05)
    async with machine.serving(FakeNameserver(lambda _: None)):
        assert (await machine.ask("example.com")).code == 2
    assert machine.counted("upstream_failures") == 2, "one silent, one not there"
    assert machine.counted("failures") == 1


async def test_the_last_excuse_is_passed_on_where_nobody_has_a_word(
    machine: Machine,
) -> None:
    refusing = FakeNameserver(lambda asked: told(asked, code=5))
    async with machine.serving(refusing, refusing):
        assert (await machine.ask("example.com")).code == 5


async def test_a_forged_answer_is_not_heard(machine: Machine) -> None:
    def forged(asked: bytes) -> bytes:
        return told(bytes([asked[0] ^ 1]) + asked[1:], "203.0.113.66")

    async with machine.serving(FakeNameserver(forged), FakeNameserver()):
        assert (await machine.ask("example.com")).values == ["192.0.2.1"]


async def test_nobody_is_told_that_a_name_is_missing_before_the_names_are_known(
    machine: Machine,
) -> None:
    def missing(asked: bytes) -> bytes:
        return absent(asked, life=60, least=60)

    async with machine.serving(FakeNameserver(missing)):
        known, machine.server.names = machine.server.names, None
        assert (await machine.ask("ghost.example")).code == 2
        machine.server.names = known
        assert (await machine.ask("ghost.example")).code == 3
        there = await machine.ask("reviews", SRV)
        assert (there.code, there.records) == (0, []), "the name is there"


async def test_nonsense_is_complained_of_and_harms_nobody(machine: Machine) -> None:
    async with machine.serving():
        raw = await asked_over_udp(
            machine.at.host, machine.at.port, question("reviews")[:-1]
        )
        assert taken_apart(raw).code == 1
        update = question("reviews")[:2] + b"\x28" + question("reviews")[3:]
        raw = await asked_over_udp(machine.at.host, machine.at.port, update)
        assert taken_apart(raw).code == 4
        assert (await machine.ask("reviews")).values == ["240.240.0.1"]


@given(noise=st.binary(max_size=64), udp=st.booleans())
async def test_bytes_of_any_kind_are_answered_passed_on_or_nothing(
    *, noise: bytes, udp: bool
) -> None:
    with TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
    for raw in (noise, question("reviews")[:12] + noise, question("reviews") + noise):
        told = machine.server.at_once(raw, udp=udp)
        if isinstance(told, bytes):
            taken_apart(told)


async def test_too_many_that_wait_are_told_to_try_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns_server, "WAITING_MOST", 0)
    first = FakeNameserver()
    async with machine.serving(first):
        assert (await machine.ask("example.com")).code == 2
    assert not first.heard


async def test_too_many_connections_are_closed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns_server, "CONNECTIONS_MOST", 1)
    async with machine.serving():
        held = await asyncio.open_connection(machine.at.host, machine.at.port)
        more, writer = await asyncio.open_connection(machine.at.host, machine.at.port)
        async with asyncio.timeout(10):
            assert await more.read() == b""
        writer.close()
        held[1].close()


@pytest.mark.parametrize("said", [b"", b"\0", b"\0\x10half"])
async def test_a_connection_that_falls_silent_is_closed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(dns_server, "IDLE_SECONDS", 0.1)
    async with machine.serving():
        reader, writer = await asyncio.open_connection(machine.at.host, machine.at.port)
        writer.write(said)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_the_machines_configuration_is_read_again_when_it_changes(
    machine: Machine,
) -> None:
    whole = machine.resolv_conf.read_text()
    machine.resolv_conf.write_text("")
    async with machine.serving(FakeNameserver()):
        assert (await machine.ask("example.com")).code == 2
        fresh = machine.resolv_conf.with_suffix(".new")
        fresh.write_text(whole)
        fresh.replace(machine.resolv_conf)
        assert (await machine.ask("example.com")).values == ["192.0.2.1"]
        machine.resolv_conf.unlink()
        assert (await machine.ask("example.org")).values == ["192.0.2.1"]


def test_an_address_that_is_taken_is_named(machine: Machine) -> None:
    taken = pytest.raises(DnsAddressError, match=str(machine.at))
    with bound((machine.at,)), taken, bound((machine.at,)):
        pass
