"""A certificate is replaced while captured traffic passes between real Envoys."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import ssl
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from prometheus_client import CollectorRegistry

from meltemi.ctl.galley.text import texts
from meltemi.ctl.lens.proxies import named
from meltemi.ctl.lens.world import written
from meltemi.ctl.local.pods.trial import trouble
from meltemi.ctl.local.record import Mode
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.pilot.scope.node import Interception
from meltemi.proxy.adapters.sds import SecretBoard, secret_service
from meltemi.proxy.adapters.secret_files import SecretFiles
from meltemi.proxy.adapters.sockets import serving_sockets
from meltemi.testkit.authority import authority, credential, write_credential
from meltemi.testkit.lab import Lab, start
from meltemi.testkit.namespaces import missing, network, user_namespace
from meltemi.testkit.up import no_other_user
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from datetime import datetime

    from meltemi.identity.credential import Credential
    from meltemi.testkit.namespaces import Machine

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(missing()), reason=missing() or "never"),
]

T = TypeVar("T")
MESH = Path(__file__).parent / "captured" / "mesh.yaml"
ADDRESSES = {"caller": "10.77.0.2", "server": "10.77.0.3", "strict": "10.77.0.4"}
OUTSIDE = "10.77.0.5"
"""A machine without a proxy."""
SERVER, STRICT = "10.88.0.1", "10.88.0.2"
"""Where those two are called, as services."""
MORE_REQUESTS = 20
PATIENCE_SECONDS = 60.0
"""For what takes milliseconds on a machine that has time."""


@dataclass
class Identity:
    """A workload's certificates, one after the other, as its agent serves them."""

    name: str
    now: datetime
    board: SecretBoard = field(
        default_factory=lambda: SecretBoard(SecretFiles(()), CollectorRegistry())
    )

    async def rotate(self) -> Credential:
        """Serve a new certificate from here on, and return it."""
        identity = SpiffeId("cluster.local", Namespace("default"), self.name)
        made = credential(identity, now=self.now, signer=authority(now=self.now))
        await self.board.show(made)
        return made


@contextlib.asynccontextmanager
async def captured(
    lab: Lab, identities: dict[str, Identity], stack: contextlib.ExitStack
) -> AsyncIterator[None]:
    """Run an Envoy beside every application, whose traffic it takes."""
    world = written(texts([str(MESH)]), namespace="default")
    async with contextlib.AsyncExitStack() as served:
        programs = [lab.application(n, ["http:9080", "tcp:9090"], n) for n in ADDRESSES]
        for name, identity in identities.items():
            sds = lab.folder / f"{name}.sock"
            service = secret_service(identity.board)
            await served.enter_async_context(serving_sockets((service,), (sds,)))
            sds.chmod(0o666)  # Envoy is another user
            who = named(world, name)
            group = replace(who.group, interception=Interception.REDIRECT)
            programs.append(lab.envoy(name, world, replace(who, group=group), sds))
        await asyncio.to_thread(start, programs, stack)
        for name in ADDRESSES:
            lab.machines[name].capture("--backend", "nft")
        yield


WHY_ROOT = no_other_user() or trouble(Mode.ROOTLESS)
ROOTLESS = pytest.param(
    True,
    id="rootless",
    marks=pytest.mark.skipif(bool(WHY_ROOT), reason=WHY_ROOT or "never"),
)


@pytest.fixture(params=[pytest.param(False, id="root"), ROOTLESS])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(0o755)  # Envoy is another user
    with contextlib.ExitStack() as stack:
        holder = stack.enter_context(user_namespace()) if request.param else 0
        net = stack.enter_context(network(holder))
        everybody = {**ADDRESSES, "outside": OUTSIDE}
        yield Lab({name: net.machine(at) for name, at in everybody.items()}, tmp_path)


def ask(address: str, host: str) -> tuple[int, str]:
    """Return the status of a request, and the hash of whose certificate was seen."""
    headers = {"host": host}
    connection = http.client.HTTPConnection(address, 9080, timeout=PATIENCE_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    if answer.status != http.HTTPStatus.OK:
        return answer.status, body.decode()
    seen = json.loads(body)["headers"]["x-forwarded-client-cert"]
    parts = dict(part.split("=", 1) for part in seen.split(";"))
    return answer.status, parts["Hash"]


def known(shown: Credential) -> str:
    """Return the hash by which a certificate is told on."""
    return shown.leaf.fingerprint(SHA256()).hex()


def served_serial(chain: Path, key: Path) -> int:
    """Return the serial number of the certificate that a new connection is shown."""
    context = ssl._create_unverified_context()  # noqa: S323 - a test looks at it itself
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(["istio"])
    name = "outbound_.9090_._.server.default.svc.cluster.local"
    with (
        socket.create_connection((ADDRESSES["server"], 9090), 10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


@dataclass
class Caller:
    """Somebody who asks the server one thing after another until told to stop."""

    machine: Machine
    answers: list[int] = field(default_factory=list)
    stopping: bool = False

    def stop(self) -> None:
        self.stopping = True

    def keep_asking(self) -> None:
        while not self.stopping:
            status, _ = ask(SERVER, "server.default:9080")
            self.answers.append(status)

    async def asked_more(self) -> None:
        """Return when further requests were answered."""
        before = len(self.answers)
        await until(
            lambda: len(self.answers) >= before + MORE_REQUESTS,
            seconds=PATIENCE_SECONDS,
        )


async def on(machine: Machine, what: Callable[[], T]) -> T:
    return await asyncio.to_thread(machine.call, what)


async def test_certificates_are_replaced_under_captured_traffic_without_a_loss(
    lab: Lab,
) -> None:
    now = SystemClock().now()
    identities = {name: Identity(name, now) for name in ADDRESSES}
    first = {name: await each.rotate() for name, each in identities.items()}
    probe = write_credential(lab.folder, "probe", first["strict"])
    caller = Caller(lab.machines["caller"])

    async def serves(shown: Credential) -> bool:
        """Tell whether the server shows it to a new connection from outside."""
        found = await on(lab.machines["outside"], lambda: served_serial(*probe))
        return found == shown.leaf.serial_number

    with contextlib.ExitStack() as stack:
        stack.callback(caller.stop)
        async with captured(lab, identities, stack), asyncio.TaskGroup() as tasks:
            long = caller.machine.call(
                lambda: socket.create_connection((SERVER, 9090), PATIENCE_SECONDS)
            )
            stack.enter_context(contextlib.closing(long))
            long.sendall(b"before the rotation, ")
            tasks.create_task(on(caller.machine, caller.keep_asking))
            await caller.asked_more()
            assert await serves(first["server"])

            second = {name: await each.rotate() for name, each in identities.items()}

            replaced = partial(serves, second["server"])
            await eventually(replaced, seconds=PATIENCE_SECONDS)
            await caller.asked_more()
            caller.stop()
            strict = partial(ask, STRICT, "strict.default:9080")
            status, seen = await on(caller.machine, strict)
            long.sendall(b"and after it\n")
            assert long.recv(100) == b"server before the rotation, and after it\n"
    assert set(caller.answers) == {200}
    assert (status, seen) == (200, known(second["caller"]))
