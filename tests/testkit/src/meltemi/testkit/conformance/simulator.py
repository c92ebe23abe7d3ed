"""Our matcher, on the resources that Istio made, against what Istio found."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2  # noqa: F401
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.descriptor_pool import Default
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace import (
    Answer,
    Call,
    Http,
    Problem,
    Resources,
    Tls,
    Way,
    arrive,
    resources,
    seen,
    serve,
)
from meltemi.pilot.trace.connection import server_tls
from meltemi.pilot.trace.resources import unpacked
from meltemi.testkit.conformance.case import Case, differs
from meltemi.testkit.conformance.generated import (
    cases,
    comparator,
    generated,
    golden,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from envoy.config.listener.v3.listener_components_pb2 import FilterChain

    Json = dict[str, Any]

ALPN = {
    ("mtls", "http"): "istio-http/1.1",
    ("mtls", "http2"): "istio-h2",
    ("mtls", "tcp"): "istio",
    ("tls", "http"): "http/1.1",
    ("tls", "http2"): "h2",
}
"""What a caller offers when the case does not say."""


def simulator(folder: Path) -> Iterator[Case]:
    """Yield the calls of the traffic simulation, asked of Istio's own resources."""
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith(".golden.json"):
            continue
        case = json.loads(path.read_text("utf-8"))
        held: list[Resources] = []  # read once, by the first call that is judged
        for call in case.get("calls") or []:
            judge = partial(_judge, folder / case["golden"], held, call)
            yield Case(f"{case['slug']}#{call['Name']}", judge)


def traffic_simulation(folder: Path) -> Iterator[Case]:
    """Yield the same calls, asked of the resources that Pilot makes of the case.

    A case without calls is judged by its clusters and listeners.
    """
    for case in cases(folder):
        ours = cache(partial(generated, case, folder.parent))
        held = cache(partial(_held, ours))
        for call in case.get("calls") or []:
            name = f"{case['slug']}#{call['Name']}"
            yield Case(name, partial(_judge_ours, held, call))
        inbound = case.get("expectedInboundClusters")
        if inbound is not None:
            judge = partial(_inbound, ours, inbound)
            yield Case(f"{case['slug']}#inbound clusters", judge)
        if not case.get("calls") and inbound is None:
            judge = partial(_whole, ours, golden(case, folder), folder.parent)
            yield Case(case["slug"], judge)


def _held(ours: Callable[[], Json]) -> Resources:
    return held_by(ours())


def _judge_ours(held: Callable[[], Resources], call: Json) -> str:
    return differences(call["Result"], simulated(held(), call["Call"]))


def _inbound(ours: Callable[[], Json], wanted: Json) -> str:
    """Tell whether exactly the wanted inbound clusters are there, with their endpoints."""
    found = {
        each["name"]: [
            _place(member["endpoint"]["address"])
            for place in each.get("loadAssignment", {}).get("endpoints", [])
            for member in place["lbEndpoints"]
        ]
        or None
        for each in ours()["clusters"]
        if each["name"].startswith("inbound|")
    }
    return differs(found, {name: each or None for name, each in wanted.items()})


def _place(address: Json) -> str:
    if "pipe" in address:
        return str(address["pipe"]["path"])
    socket = address["socketAddress"]
    return f"{socket['address']}:{socket['portValue']}"


def _whole(ours: Callable[[], Json], expected: Json, data: Path) -> str:
    kinds = ["clusters", "listeners"]
    report = comparator(data).compare(expected, ours(), kinds=kinds)
    return "" if report.ok else str(report.kinds)[:600]


def _judge(file: Path, held: list[Resources], call: Json) -> str:
    if not held:
        held.append(held_by(_read(file)))
    return differences(call["Result"], simulated(held[0], call["Call"]))


def _read(path: Path) -> Json:
    raw = path.read_bytes()
    parsed: Json = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    return parsed


def held_by(written: Json) -> Resources:
    """Return what a proxy holds that ``written`` describes in proto-JSON.

    Routes lose every condition but the path: that is all Istio's simulation reads.
    """
    known = _without_unknown(written)
    tables = [
        ParseDict(each, RouteConfiguration()) for each in known.get("routes") or []
    ]
    listeners = [ParseDict(each, Listener()) for each in known.get("listeners") or []]
    for table in tables:
        _only_paths(table)
    for listener in listeners:
        for chain in (*listener.filter_chains, listener.default_filter_chain):
            for each in chain.filters:
                manager = unpacked(each.typed_config, hcm.HttpConnectionManager)
                if manager is not None:
                    _only_paths(manager.route_config)
                    each.typed_config.Pack(manager)
    return resources(
        listeners,
        tables,
        [ParseDict(each, Cluster()) for each in known.get("clusters") or []],
        [
            ParseDict(each, ClusterLoadAssignment())
            for each in known.get("endpoints") or []
        ],
    )


def _without_unknown(value: Any) -> Any:
    """Return ``value`` without messages of Istio's own, which nothing here knows."""
    if isinstance(value, list):
        return [_without_unknown(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _without_unknown(each) for key, each in value.items() if _known(each)}


def _known(value: Any) -> bool:
    if not isinstance(value, dict) or "@type" not in value:
        return True
    try:
        Default().FindMessageTypeByName(value["@type"].rpartition("/")[2])
    except KeyError:
        return False
    return True


def _only_paths(table: RouteConfiguration) -> None:
    for host in table.virtual_hosts:
        for each in host.routes:
            for field in ("headers", "query_parameters", "runtime_fraction"):
                each.match.ClearField(field)


def simulated(held: Resources, written: Json) -> Answer:
    """Return where a call ends up; TLS is judged by Istio's reduced rule.

    The server name, too, is Istio's: it is known even of plain text.
    """
    call = _call(written)
    name = _server_name(written)
    arrival = arrive(
        held.listeners,
        call,
        lambda listener, each: replace(seen(listener, each), server_name=name),
    )
    answer = Answer(
        listener=arrival.listener.name if arrival.listener else "",
        chain=arrival.chain.name if arrival.chain else "",
        problem=arrival.problem,
    )
    if arrival.chain is None or arrival.problem:
        return answer
    secret = written.get("MtlsSecretConfigName") or "default"
    problem = _handshake(arrival.chain, written.get("TLS") or "plaintext", secret)
    if problem:
        return replace(answer, problem=problem)
    served = serve(held, arrival.chain, call)
    return replace(served, listener=answer.listener, chain=answer.chain)


def _server_name(written: Json) -> str:
    if written.get("Sni"):
        return str(written["Sni"])
    return str(written.get("HostHeader", "")) if written.get("TLS") == "tls" else ""


def _call(written: Json) -> Call:
    protocol = written.get("Protocol", "http")
    security = written.get("TLS") or "plaintext"
    host = written.get("HostHeader", "")
    tls = None
    if security != "plaintext":
        alpn = written.get("Alpn") or ALPN.get((security, protocol), "")
        name = _server_name(written)
        tls = Tls(name, (alpn,) if alpn else (), certificate=security == "mtls")
    headers = tuple(
        (name, value)
        for name, values in (written.get("Headers") or {}).items()
        for value in values
    )
    version = 2 if protocol == "http2" else 1
    request = Http(host, written.get("Path") or "/", headers=headers, version=version)
    return Call(
        address=written.get("Address") or "1.3.3.7",
        port=written["Port"],
        way=Way.INBOUND if written.get("CallMode") == "inbound" else Way.DIRECT,
        tls=tls,
        http=None if protocol == "tcp" else request,
    )


def _handshake(chain: FilterChain, security: str, secret: str) -> Problem | None:
    if not chain.HasField("transport_socket"):
        return None
    if security == "plaintext":
        return Problem.TLS
    context = server_tls(chain)
    secrets = (
        context.common_tls_context.tls_certificate_sds_secret_configs if context else ()
    )
    mutual = bool(
        context
        and context.require_client_certificate.value
        and secrets
        and secrets[0].name == secret
    )
    return None if mutual == (security == "mtls") else Problem.MUTUAL_TLS


def differences(wanted: Json, answer: Answer) -> str:
    """Return what differs from Istio's answer; unset fields count when it is strict."""
    targets = answer.targets
    found = {
        "ListenerMatched": answer.listener,
        "FilterChainMatched": answer.chain,
        "RouteConfigMatched": answer.routes,
        "VirtualHostMatched": answer.host,
        "RouteMatched": answer.route,
        "ClusterMatched": targets[0].cluster if len(targets) == 1 else "",
        "Error": answer.problem.value if answer.problem else "",
    }
    strict = wanted.get("StrictMatch", False)
    return "; ".join(
        f"{key}: expected {wanted.get(key) or ''!r}, found {value!r}"
        for key, value in found.items()
        if (wanted.get(key) or strict) and (wanted.get(key) or "") != value
    )
