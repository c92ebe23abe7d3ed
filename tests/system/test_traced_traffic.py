"""Real Envoys, traffic that is captured, and what ``meltemi trace`` said of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from meltemi.ctl.galley.text import texts
from meltemi.ctl.lens.proxies import GATEWAY_LABELS, gateway, named
from meltemi.ctl.lens.world import World, written
from meltemi.ctl.main import execute
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.testkit.authority import authority, credential, write_credential
from meltemi.testkit.lab import Lab, start
from meltemi.testkit.namespaces import missing, network
from meltemi.testkit.tokens import key_set
from meltemi.testkit.traced import EDGE, REQUESTS, REVIEWS, Request
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from meltemi.testkit.processes import Program

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "never")

MESH = Path(__file__).parent / "traced" / "mesh.yaml"
WORKLOADS = {
    "sleep": ("10.77.0.2", "sleep", []),
    "lonely": ("10.77.0.10", "lonely", []),
    "reviews-v1": ("10.77.0.3", "reviews", ["http:9080"]),
    "reviews-v2": ("10.77.0.4", "reviews", ["http:9080"]),
    "ratings-v1": ("10.77.0.5", "ratings", ["http:9080", "http:9081"]),
    "ledger-v1": ("10.77.0.6", "ledger", ["tcp:27017", "tcp:27018"]),
    "ledger-v2": ("10.77.0.7", "ledger", ["tcp:27017", "tcp:27018"]),
}
"""By name: the address, the service account, and what the application serves."""
EDGE_ADDRESS, OUTSIDE_ADDRESS = "10.77.0.8", "10.77.0.9"
ADDRESSES = {
    "reviews": "10.88.0.1",
    "ratings": "10.88.0.2",
    "ledger": "10.88.0.3",
    "a.secure.example.com": "10.88.0.4",
    "b.secure.example.com": "10.88.0.4",
    "a.wild.example.com": "10.88.0.5",
}
APPS = {f"{address}:9080": name for name, (address, _, _) in WORKLOADS.items()} | {
    "10.77.0.5:9081": "ratings-v1",
    "10.77.0.6:27017": "ledger-v1",
    "10.77.0.6:27018": "ledger-v1",
    "10.77.0.7:27017": "ledger-v2",
    "10.77.0.9:9443": "outside-a",
    "10.77.0.9:9500": "outside-c",
    "10.77.0.9:9501": "outside-c",
    "10.77.0.9:9444": "outside-b",
}
"""Which application is at an endpoint that a trace names."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("traced")
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)  # Envoy is another user
    now = SystemClock().now()
    for host in ("a", "b"):
        for file in write_credential(folder, host, credential(now=now)):
            file.chmod(0o644)
    text = MESH.read_text().replace("FOLDER", str(folder))
    (folder / "mesh.yaml").write_text(text.replace("KEYS", key_set()))
    world = written(texts([str(folder / "mesh.yaml")]), namespace="default")
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(network())
        machines = {
            name: made.machine(address) for name, (address, *_) in WORKLOADS.items()
        }
        machines[EDGE] = made.machine(EDGE_ADDRESS)
        machines["outside"] = made.machine(OUTSIDE_ADDRESS)
        lab = Lab(machines, folder)
        start((*apps(lab), *proxies(lab, world, now)), stack)
        for name in WORKLOADS:
            machines[name].capture()
        yield lab


def apps(lab: Lab) -> Iterator[Program]:
    chain = f"{lab.folder}/a.pem:{lab.folder}/a.key"
    serving = {name: services for name, (_, _, services) in WORKLOADS.items()}
    for name, services in (
        *serving.items(),
        ("outside-a", [f"tls:9443:{chain}"]),
        ("outside-b", [f"tls:9444:{chain}"]),
        ("outside-c", ["tcp:9500", "tcp:9501"]),
    ):
        if services:
            machine = "outside" if "outside" in name else name
            yield lab.application(name, services, machine)


def proxies(lab: Lab, world: World, now: datetime) -> Iterator[Program]:
    signer = authority(now=now)
    for name in (*WORKLOADS, EDGE):
        if name == EDGE:
            who = gateway(world, EDGE, GATEWAY_LABELS)
            account, home = "edge", "istio-system"
        else:
            who, account, home = named(world, name), WORKLOADS[name][1], "default"
        identity = SpiffeId("cluster.local", Namespace(home), account)
        shown = credential(identity, now=now, signer=signer)
        yield lab.envoy(name, world, who, shown)


@pytest.mark.parametrize(
    "request_",
    REQUESTS,
    ids=lambda each: f"{each.caller} {each.method} {each.url.partition('://')[2]}",
)
def test_a_request_goes_where_trace_said(
    lab: Lab, request_: Request, capsys: pytest.CaptureFixture[str]
) -> None:
    said = traced(lab, request_, capsys)
    assert sent(lab, request_) in expected(said)


async def test_a_copy_goes_where_trace_said(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    request = Request(f"{REVIEWS}/copied/one")
    said = traced(lab, request, capsys)
    (mirror,) = [each for each in steps(said) if each["stage"] == "mirror"]
    assert mirror["name"] == "outbound|9080|v2|reviews.default.svc.cluster.local"
    assert sent(lab, request) == "reviews-v1"
    copies = Request(f"{REVIEWS}/copies", headers=(("end-user", "jason"),))
    await until(lambda: "/copied/one" in asked(lab, copies)["copies"])


def test_a_delayed_request_takes_as_long_as_trace_said(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    request = Request(f"{REVIEWS}/slow")
    (fault,) = [
        each for each in steps(traced(lab, request, capsys)) if each["stage"] == "fault"
    ]
    assert fault["why"] == "1 of the requests wait 0.2 s"
    start = time.perf_counter()
    assert sent(lab, request) == "reviews-v1"
    # Envoy counts from when its loop last read the clock, a little before the request.
    assert time.perf_counter() - start >= 0.19


def test_what_a_script_answers_was_not_said_for_sure(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    request = Request(f"{REVIEWS}/scripted")
    (server,) = traced(lab, request, capsys)["servers"]
    (verdict,) = [each for each in server["verdicts"] if not each["sure"]]
    assert verdict["why"] == "Lua is not modelled: taken as passing"
    assert sent(lab, request) == "403"


def test_without_retries_the_first_failure_is_the_answer(lab: Lab) -> None:
    assert sent(lab, Request(f"{REVIEWS}/once")) == "503"


def test_a_gateway_shows_each_host_its_own_certificate(lab: Lab) -> None:
    def shown(host: str) -> str:
        context = ssl._create_unverified_context()  # noqa: S323 - compared below
        with (
            socket.create_connection((EDGE_ADDRESS, 8443), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return ssl.DER_cert_to_PEM_cert(
                secured.getpeercert(binary_form=True) or b""
            )

    outside = lab.machines["outside"]
    for host in ("a", "b"):
        pem = outside.call(lambda host=host: shown(f"{host}.example.com"))  # type: ignore[misc]
        assert pem.strip() in (lab.folder / f"{host}.pem").read_text()


def test_plain_text_from_outside_is_refused(lab: Lab) -> None:
    def ask() -> str:
        return replied("10.77.0.3", Request("http://10.77.0.3:9080/"))

    assert lab.machines["outside"].call(ask) == "closed"


def traced(
    lab: Lab, request: Request, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """Return what the command says of a request, as JSON."""
    words = ["--at", EDGE] if request.caller == EDGE else ["--from", request.caller]
    headers = [f"-H{name}: {value}" for name, value in request.headers]
    capsys.readouterr()
    execute(
        [
            "trace",
            request.method,
            request.url,
            *words,
            *headers,
            "-f",
            str(lab.folder / "mesh.yaml"),
            "-o",
            "json",
        ]
    )
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def steps(said: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = said["client"]["steps"]
    return found


def expected(said: dict[str, Any]) -> set[str]:
    """Return what a client may see of a request that goes as a trace says."""
    if said["problem"]:
        return {failure(said)}
    targets = [each for each in said["client"]["targets"] if each["weight"]]
    if targets:
        members = [one["address"] for each in targets for one in each["endpoints"]]
        return {APPS[each] for each in members}
    why = steps(said)[-1]["why"]
    return {"301" if "redirect" in why else why.rpartition(" ")[2]}


SEEN = {
    "ErrNoRoute": "404",
    "ErrNoVirtualHost": "404",
    "ErrNoCluster": "503",
    "ErrTLSRedirect": "301",
}
"""What a client of HTTP sees of a problem; of any other, a closed connection."""


def failure(said: dict[str, Any]) -> str:
    code = said["problem"]["code"]
    visits = [said["client"], *said["servers"]]
    at = next(each for each in visits if each["problem"] == code)
    spoke_http = any(each["stage"] == "route configuration" for each in steps(said))
    if code == "ErrDenied" and spoke_http:
        refusing = next(each for each in at["verdicts"] if not each["allowed"])
        return "401" if "jwt" in refusing["filter"] else "403"
    if code == "ErrAborted":
        return str(steps(said)[-1]["why"]).rpartition(" ")[2]
    return SEEN.get(code, "closed")


def sent(lab: Lab, request: Request) -> str:
    """Return who answered a request, or the status, or that nobody did."""
    parts = urlsplit(request.url)
    edge = request.caller == EDGE
    address = (
        EDGE_ADDRESS
        if edge
        else ADDRESSES.get(str(parts.hostname), str(parts.hostname))
    )
    machine = lab.machines["outside" if edge else request.caller]
    return machine.call(lambda: replied(address, request))


def asked(lab: Lab, request: Request) -> dict[str, Any]:
    """Return the whole of what an application answered."""
    machine = lab.machines[request.caller]
    address = ADDRESSES[str(urlsplit(request.url).hostname)]
    return machine.call(lambda: json.loads(answer(address, request)[1]))


def replied(address: str, request: Request) -> str:
    parts = urlsplit(request.url)
    try:
        if parts.scheme == "tcp":
            return line(socket.create_connection((address, parts.port or 0), 5))
        if parts.scheme == "https" and "secure" in str(parts.hostname):
            return line(secured(address, request))
        status, body = answer(address, request)
    except (OSError, http.client.HTTPException):
        return "closed"
    from_app = status == HTTPStatus.OK and body
    return str(json.loads(body)["app"]) if from_app else str(status)


def answer(address: str, request: Request) -> tuple[int, bytes]:
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(address, parts.port or 80, timeout=10)
    if parts.scheme == "https":
        connection.sock = secured(address, request)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {"host": parts.netloc, **dict(request.headers)}
    with contextlib.closing(connection):
        connection.request(request.method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()


def secured(address: str, request: Request) -> ssl.SSLSocket:
    parts = urlsplit(request.url)
    context = ssl._create_unverified_context()  # noqa: S323 - whose it is matters
    plain = socket.create_connection((address, parts.port or 0), 5)
    return context.wrap_socket(plain, server_hostname=parts.hostname)


def line(connection: socket.socket) -> str:
    """Return who answered a line, or that the connection was closed."""
    with connection:
        connection.sendall(b"hello\n")
        found = connection.recv(100)
    return found.partition(b" ")[0].decode() or "closed"
