"""What proxies count, against what the callers counted themselves."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
import httpx2
import pytest

from meltemi.testkit.chat import all_said, said
from meltemi.testkit.processes import Program, accepts, free_port, python, running
from meltemi.testkit.queries import families, lacking, queries
from meltemi.testkit.queries import told as told_families
from meltemi.testkit.scrape import Pages, every_page, labels, pages
from meltemi.testkit.up import Up, answers, demo, eventually, outbound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.testkit.scrape import Series

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

REQUESTS = "istio_requests_total"
REVIEWS = ("reviews-v1", "reviews-v2", "reviews-v3")
FORGED = {"x-envoy-peer-metadata": "CgA=", "x-forwarded-client-cert": "By=nobody"}
SERVICES = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: chat, namespace: default}
spec:
  hosts: [chat.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9000, name: grpc, protocol: GRPC}]
  workloadSelector: {labels: {app: chat}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ledger, namespace: default}
spec:
  hosts: [ledger.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 7000, name: tcp, protocol: TCP}]
  workloadSelector: {labels: {app: ledger}}
"""
ABORTED = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: default}
spec:
  hosts: [ratings.default.svc.cluster.local]
  http:
  - fault: {abort: {percentage: {value: 100}, httpStatus: 418}}
    route: [{destination: {host: ratings.default.svc.cluster.local}}]
"""


@pytest.fixture(scope="module")
def mesh() -> Iterator[Up]:
    """A demo of its own: workloads join it that others do not expect."""
    with demo("--capture=explicit") as up:
        yield up


def workload(side: str, app: str, version: str = "v1") -> dict[str, str]:
    """Return the labels of one side of a call, which is a workload of the demo."""
    return {
        f"{side}_workload": f"{app}-{version}",
        f"{side}_workload_namespace": "default",
        f"{side}_canonical_service": app,
        f"{side}_canonical_revision": version,
        f"{side}_app": app,
        f"{side}_version": version,
        f"{side}_cluster": "Kubernetes",
    }


def nobody(side: str) -> dict[str, str]:
    return dict.fromkeys(workload(side, "unknown"), "unknown")


def called(service: str, source: str, account: str = "bookinfo-") -> dict[str, str]:
    """Return the labels that say who called which service of the demo."""
    host = f"{service}.default.svc.cluster.local"
    accounts = "spiffe://cluster.local/ns/default/sa/"
    return {
        "source_principal": f"{accounts}{account}{source}",
        "destination_principal": f"{accounts}{account}{service}",
        "destination_service": host,
        "destination_service_name": host,
        "destination_service_namespace": "default",
        "response_flags": "-",
    }


CLIENT = {"reporter": "source", "connection_security_policy": "unknown"}
SERVER = {"reporter": "destination", "connection_security_policy": "mutual_tls"}
HTTP = {"request_protocol": "http", "grpc_response_status": ""}


def test_1_both_reporters_count_a_thousand_requests_with_exact_labels(
    mesh: Up,
) -> None:
    base = outbound(mesh, "productpage-v1", "reviews")
    told = pages(mesh, "productpage-v1", *REVIEWS)
    before = told.counted(REQUESTS)
    own: Counter[str] = Counter()
    for path, count in (("/headers", 900), ("/nowhere", 100)):
        own.update(
            str(each.status_code) for each in answers(base + path, count, FORGED)
        )
    assert own == {"200": 900, "404": 100}
    eventually(
        lambda: (told.counted(REQUESTS) - before).total() == 2000,
        seconds=30,
        what="both sides have counted them all, and nothing else",
    )
    found = told.counted(REQUESTS) - before
    for side in (CLIENT, SERVER):
        seen: Counter[str] = Counter()
        for version, code in itertools.product(("v1", "v2", "v3"), own):
            wanted = labels(
                **side,
                **HTTP,
                **workload("source", "productpage"),
                **workload("destination", "reviews", version),
                **called("reviews", "productpage"),
                response_code=code,
            )
            seen[code] += found.pop(wanted)
        assert seen == own, side["reporter"]
    assert not found, "who forges a peer's header is not believed"
    for size in ("request_duration_milliseconds", "request_bytes", "response_bytes"):
        eventually(
            partial(as_often, told, f"istio_{size}_count"),
            seconds=30,
            what=f"istio_{size} has an entry for each request",
        )


def as_often(told: Pages, name: str) -> bool:
    """Tell whether ``name`` counts what requests do; Envoy adds histograms up late."""
    spread = told.counted(name)
    return all(spread[each] == count for each, count in told.counted(REQUESTS).items())


def test_1_what_a_proxy_answers_itself_has_flags_and_no_destination(mesh: Up) -> None:
    base = outbound(mesh, "reviews-v3", "ratings")
    told = pages(mesh, "reviews-v3", "ratings-v1")
    mesh.apply(ABORTED)
    before = told.counted(REQUESTS)
    assert {each.status_code for each in answers(base + "/headers", 20)} == {418}
    mesh.do("delete", "virtualservice/ratings")
    wanted = {
        **CLIENT,
        **HTTP,
        **workload("source", "reviews", "v3"),
        **nobody("destination"),
        **called("ratings", "reviews"),
    }
    principals = dict.fromkeys(("source_principal", "destination_principal"), "unknown")
    flagged = {"response_code": "418", "response_flags": "FI"}
    (series,) = told.counted(REQUESTS) - before
    assert dict(series) == {**wanted, **principals, **flagged}
    assert (told.counted(REQUESTS) - before)[series] == 20


@dataclass(frozen=True)
class Guests:
    """Two workloads that joined, and where each reaches the other."""

    told: Pages
    chat: str
    ledger: int


@pytest.fixture(scope="module")
def guests(mesh: Up) -> Iterator[Guests]:
    """Have ``chat``, which speaks gRPC, and ``ledger``, which does not, in the mesh."""
    mesh.apply(SERVICES)
    to_chat, to_ledger = free_port(), free_port()
    with (
        joined(mesh, "chat", "9000:grpc", f"ledger:7000={to_ledger}"),
        joined(mesh, "ledger", "7000:tcp", f"chat:9000={to_chat}"),
    ):
        addresses = []
        for name in ("chat-v1", "ledger-v1"):
            file = mesh.state / "workloads" / name / "workload.json"
            port = json.loads(file.read_text())["ports"]["status"]
            addresses.append(f"127.0.0.1:{port}")
        made = Guests(Pages(tuple(addresses)), f"127.0.0.1:{to_chat}", to_ledger)
        eventually(
            lambda: (
                accepts(to_ledger)
                and accepts(to_chat)
                and said(made.chat, b"") is grpc.StatusCode.OK
                and sent(made.ledger, b"") == b"ledger "
            ),
            seconds=30,
            what="they reach each other",
        )
        yield made


@contextlib.contextmanager
def joined(mesh: Up, app: str, port: str, upstream: str) -> Iterator[None]:
    own = free_port()
    server = [*python("meltemi.testkit.chat"), str(own)]
    if app == "ledger":
        server = [*python("meltemi.testkit.echo"), "ledger", f"tcp:{own}"]
    words = ["--service", app, "--port", port, "--name", f"{app}-v1"]
    words += ["--label", "version=v1", "--app", str(own), "--upstream", upstream]
    argv = [*python("meltemi.ctl"), "--state", str(mesh.state), "run", *words]
    log = mesh.state / "logs" / f"{app}.log"
    program = Program([*argv, "--", *server], lambda: accepts(own), log)
    with running(program):
        yield
        if program.process is not None:
            program.process.terminate()
            program.process.wait(30)


def sent(port: int, line: bytes) -> bytes:
    """Send a line over a connection of its own; return what came back."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(line + b"\n")
        return b"".join(iter(lambda: connection.recv(100), b"")).rstrip(b"\n")


def test_1_both_reporters_count_grpc_calls_with_their_status(guests: Guests) -> None:
    before = guests.told.counted(REQUESTS)
    own = Counter(all_said(guests.chat, [b"hello"] * 900 + [b"lost"] * 100))
    assert own == {grpc.StatusCode.OK: 900, grpc.StatusCode.NOT_FOUND: 100}
    eventually(
        lambda: (guests.told.counted(REQUESTS) - before).total() == 2000,
        seconds=30,
        what="both sides have counted them all",
    )
    found = guests.told.counted(REQUESTS) - before
    call = {
        **workload("source", "ledger"),
        **workload("destination", "chat"),
        **called("chat", "ledger", account=""),
        "request_protocol": "grpc",
        "response_code": "200",
    }
    assert found == {
        labels(**side, **call, grpc_response_status=status): count
        for side in (CLIENT, SERVER)
        for status, count in (("0", 900), ("5", 100))
    }


def test_1_both_reporters_count_connections_and_their_bytes(guests: Guests) -> None:
    names = ("connections_opened", "connections_closed", "received_bytes", "sent_bytes")

    def told() -> dict[str, Counter[Series]]:
        return {name: guests.told.counted(f"istio_tcp_{name}_total") for name in names}

    before = told()
    line, answer = b"x" * 99, b"ledger " + b"x" * 99
    assert {sent(guests.ledger, line) for _ in range(1000)} == {answer}
    eventually(
        lambda: (told()[names[1]] - before[names[1]]).total() == 2000,
        seconds=30,
        what="both sides have counted them all",
    )
    tcp = {
        **workload("destination", "ledger"),
        **called("ledger", "chat", account=""),
        "request_protocol": "tcp",
    }
    for name, count in zip(names, (1000, 1000, 100_000, 107_000), strict=True):
        assert told()[name] - before[name] == {
            labels(**CLIENT, **workload("source", "chat"), **tcp): count,
            labels(**SERVER, **nobody("source"), **tcp): count,
        }, name


def test_4_stat_and_edges_tell_within_two_percent_what_callers_did(
    mesh: Up, guests: Guests
) -> None:
    """They tell all of it: what the mesh is told is what proxies counted."""
    base = outbound(mesh, "reviews-v2", "ratings")
    _all_is_told(mesh, guests)
    earlier = {row: _volume(mesh, *row) for row in (RATINGS, LEDGER)}
    codes: Counter[int] = Counter()
    for path, count in (("/ratings/0", 450), ("/nowhere", 50)):
        codes.update(each.status_code for each in answers(base + path, count))
    assert codes == {200: 450, 404: 50}
    for _ in range(10):
        assert sent(guests.ledger, b"x")

    def told(row: tuple[str, str], what: str) -> int:
        volume, before = _volume(mesh, *row), earlier[row]
        return int(volume.get(what, 0)) - int(before.get(what, 0))

    eventually(
        lambda: (
            told(RATINGS, "requests") + told(LEDGER, "connections_opened") >= 510
            and _edge(mesh)["security"] == "mutual_tls"  # its server's agent has told
        ),
        seconds=60,
        what="both agents have told Pilot",
    )
    assert told(RATINGS, "requests") == pytest.approx(500, rel=0.02)
    assert told(LEDGER, "connections_opened") == pytest.approx(10, rel=0.02)
    table = {row["workload"]: row for row in mesh.json("stat", "--window", "15m")}
    for name in ("ratings-v1", "ledger-v1"):
        assert table[name]["meshed"]
        assert table[name]["secured"] == 1.0
    assert table["ratings-v1"]["volume"]["success"] == 1.0
    edge = _edge(mesh)
    accounts = "spiffe://cluster.local/ns/default/sa/bookinfo-"
    assert edge["source"]["principal"] == f"{accounts}reviews"
    assert edge["destination"]["principal"] == f"{accounts}ratings"
    assert "reviews-v2" in mesh.do("edges", "ratings-v1", "--window", "15m")
    assert "ratings-v1.default" in mesh.do("metrics", "ratings-v1")


def _all_is_told(mesh: Up, guests: Guests) -> None:
    """Wait for the agents, which tell every five seconds, to have told of the past."""
    opened = "istio_tcp_connections_opened_total"
    eventually(
        lambda: (
            2 * int(_volume(mesh, *LEDGER).get("connections_opened", 0))
            == guests.told.counted(opened).total()
        ),  # both ends count a connection
        seconds=30,
        what="what was counted before has been told",
    )


RATINGS, LEDGER = ("reviews-v2", "ratings-v1"), ("chat-v1", "ledger-v1")


def _edges(mesh: Up) -> list[dict[str, Any]]:
    return list(mesh.json("edges", "--window", "15m"))


def _edge(mesh: Up) -> dict[str, Any]:
    (edge,) = [each for each in _edges(mesh) if _ends(each) == RATINGS]
    return edge


def _ends(edge: dict[str, Any]) -> tuple[str, str]:
    return edge["source"]["workload"], edge["destination"]["workload"]


def _volume(mesh: Up, *ends: str) -> dict[str, Any]:
    found = [each["volume"] for each in _edges(mesh) if _ends(each) == ends]
    return dict(found[0]) if found else {}


def test_every_query_of_dashboards_and_alerts_is_about_something(
    mesh: Up, guests: Guests
) -> None:
    assert sent(guests.ledger, b"x")
    eventually(
        lambda: bool(guests.told.counted("istio_tcp_connections_closed_total")),
        seconds=20,
        what="every kind of metric was counted",
    )
    galley = mesh.url("galley")
    path = "/apis/networking.istio.io/v1/namespaces/default/virtualservices/ratings"
    stranger = httpx2.delete(f"{galley}{path}", timeout=20, trust_env=False)
    assert stranger.status_code == 401, "so that Galley has refused somebody"
    told = every_page(mesh, guests.told.addresses)
    known = set[str]().union(*map(told_families, told))
    unknown = {
        where: families(query) - known
        for where, query in queries()
        if families(query) - known
    }
    assert not unknown
    assert not lacking(told), "labels, and values of labels, that no sample has"
