"""``meltemi why`` of requests that fail, each for a reason of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import socketserver
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from meltemi.ctl.why.flags import FLAGS
from meltemi.testkit.tokens import key_set, signed
from meltemi.testkit.up import Up, answer, eventually, outbound

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

HOST = "details.default.svc.cluster.local"
DENIED = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: default}
spec:
  selector: {matchLabels: {app: details}}
  action: DENY
  rules: [{to: [{operation: {paths: ["/details/*"]}}]}]
"""
TOKENS = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: default}
spec:
  selector: {matchLabels: {app: details}}
  jwtRules:
  - issuer: somebody
    jwks: '{"keys":[{"kty":"oct","kid":"a","k":"c29tZS13b3JkLXNvbWUtd29yZA"}]}'
"""
SIGNED = f"""
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: tokens, namespace: default}}
spec:
  selector: {{matchLabels: {{app: details}}}}
  jwtRules:
  - issuer: tests
    jwks: '{key_set()}'
"""
USERS = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: users, namespace: default}}
spec:
  selector: {{matchLabels: {{app: details}}}}
  action: {action}
  rules: [{{from: [{{source: {{{principals}: ["*"]}}}}]}}]
"""
RULE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: details, namespace: default}}
spec:
  hosts: [{host}]
  http:
  - {more}
    route: [{{destination: {{host: {host}, subset: "{subset}"}}}}]
"""
SETTINGS = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: details, namespace: default}}
spec:
  host: {host}
  trafficPolicy: {{tls: {{mode: {mode}}}}}
  subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v9, labels: {{version: v9}}}}]
"""
NARROW = f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: details, namespace: default}}
spec:
  host: {HOST}
  trafficPolicy:
    connectionPool:
      tcp: {{maxConnections: 1}}
      http: {{http1MaxPendingRequests: 1, http2MaxRequests: 2}}
  subsets: [{{name: v1, labels: {{version: v1}}}}]
"""
GOOD = SETTINGS.format(host=HOST, mode="ISTIO_MUTUAL")


def rule(more: str = "timeout: 5s", subset: str = "v1") -> str:
    return RULE.format(host=HOST, more=more, subset=subset)


def users(action: str) -> str:
    """Return a policy for who has a token, or against who has none."""
    word = "notRequestPrincipals" if action == "DENY" else "requestPrincipals"
    return USERS.format(action=action, principals=word)


@contextlib.contextmanager
def applied(mesh: Up, *texts: str) -> Iterator[None]:
    """Have ``texts`` in force, and nothing of them afterwards."""
    names = [mesh.apply(text).split()[0] for text in texts]
    try:
        yield
    finally:
        for name in names:
            mesh.do("delete", name)
            mesh.do("wait", name, "--for=delete")


@contextlib.contextmanager
def resetting(host: str, port: int) -> Iterator[None]:
    """Serve at ``host:port``: hear each request, and reset its connection."""

    class Reset(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            now = struct.pack("ii", 1, 0)  # closing sends RST, not FIN (socket(7))
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

        def shutdown_request(self, request: Any) -> None:
            self.close_request(request)  # shutdown(2) would send FIN first

    with Server((host, port), Reset) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def story(
    mesh: Up, request: str, status: int, token: str = "", until: str = "because"
) -> str:
    """Ask for details, and return why that failed, once ``until`` is told."""
    url = outbound(mesh, "productpage-v1", "details") + "/details/0"
    headers = {"x-request-id": request}
    if token:
        headers["authorization"] = f"Bearer {token}"
    eventually(  # an Envoy takes a moment from its acknowledgement to its workers
        lambda: answer(url, headers).status_code == status,
        seconds=10,
        what=f"the answer is {status}",
    )
    eventually(
        lambda: until in mesh.run("why", request).stdout,
        seconds=30,
        what=f"the proxies have written their logs, and {until!r} is told",
    )
    return mesh.do("why", request)


@pytest.mark.parametrize(
    ("texts", "status", "told"),
    [
        ((DENIED,), 403, "AuthorizationPolicy/default/nobody spec.rules[0] denies it"),
        ((GOOD, rule("fault: {abort: {percentage: {value: 100}, httpStatus: 418}}")),
         418, "a fault was put in on purpose"),
        ((GOOD, rule(subset="v9")), 503, "no endpoint of the service may be called"),
        ((SETTINGS.format(host=HOST, mode="DISABLE"),), 503,
         ("details-v1 demands mutual TLS (PeerAuthentication/istio-system/default) "
         "and the caller spoke plain text (DestinationRule/default/details)")),
    ],
    ids=["policy", "fault", "no-endpoint", "plain-text"],
)  # fmt: skip
def test_6_why_names_what_was_configured(
    mesh: Up,
    request: pytest.FixtureRequest,
    texts: tuple[str, ...],
    status: int,
    told: str,
) -> None:
    with applied(mesh, *texts):
        case = request.node.callspec.id
        assert told in story(mesh, f"why-{case}", status, until=told)


def test_6_why_says_what_was_wrong_with_a_token(mesh: Up) -> None:
    bad = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.eyJpc3MiOiJzb21lYm9keSJ9.bm8tc2lnbmF0dXJl"
    with applied(mesh, TOKENS):
        found = story(mesh, "why-token", 401, token=bad)
    assert "the token was not accepted: Jwt" in found
    assert bad not in found


@pytest.mark.parametrize("action", ["DENY", "ALLOW"])
def test_6_why_says_that_a_token_is_missing(mesh: Up, action: str) -> None:
    with applied(mesh, SIGNED, users(action)):
        found = story(mesh, f"why-missing-{action}", 403)
    denial = (
        "spec.rules[0] denies it"
        if action == "DENY"
        else "AuthorizationPolicy allows it"
    )
    assert f"{denial}: it asks for a token, and the request had none" in found


def test_6_why_says_that_a_token_has_expired(mesh: Up) -> None:
    old = signed({"iss": "tests", "sub": "alice", "exp": 1_000_000_000})
    with applied(mesh, SIGNED):
        found = story(mesh, "why-expired", 401, token=old)
    assert "the token was not accepted: Jwt is expired" in found
    assert old not in found


def test_6_why_knows_that_too_much_is_open_at_once(mesh: Up) -> None:
    pid = mesh.status()["details-v1-app"]["pid"]
    url = outbound(mesh, "productpage-v1", "details") + "/details/0"
    with applied(mesh, NARROW, rule("timeout: 20s")), ThreadPoolExecutor(4) as pool:
        os.kill(pid, signal.SIGSTOP)
        try:
            waiting = [pool.submit(answer, url) for _ in range(4)]
            eventually(
                lambda: any(each.done() for each in waiting),
                seconds=20,
                what="one is more than there may be",
            )
            found = story(mesh, "why-overflow", 503)
        finally:
            os.kill(pid, signal.SIGCONT)
        codes = {each.result().status_code for each in waiting}
    assert "a limit on what may be open at once was reached" in found
    assert "connectionPool of the DestinationRule" in found
    assert codes == {200, 503}


def test_6_why_knows_who_did_not_answer_in_time(mesh: Up) -> None:
    pid = mesh.status()["details-v1-app"]["pid"]
    with applied(mesh, GOOD, rule("timeout: 0.5s")):
        os.kill(pid, signal.SIGSTOP)
        try:
            found = story(mesh, "why-late", 504)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert "did not answer in time" in found


def test_6_why_knows_an_application_that_resets_the_connection(mesh: Up) -> None:
    host, _, port = mesh.address("details-v1-app", "http").rpartition(":")
    mesh.do("kill", "details-v1-app")
    try:
        with resetting(host, int(port)):
            found = story(mesh, "why-reset", 503)
    finally:
        mesh.do("start", "details-v1-app")
    assert "because the application closed the connection before it answered" in found
    assert "look at its own log" in found
    assert FLAGS["UC"].page in found


def test_6_why_knows_an_impostor_by_its_certificate(mesh: Up) -> None:
    entry = mesh.json("get", "workloadentry", "details-v1")
    impostor = entry | {"spec": entry["spec"] | {"serviceAccount": "somebody-else"}}
    mesh.apply(_json(impostor))
    try:
        found = story(mesh, "why-impostor", 503)
    finally:
        mesh.apply(_json(entry))
    assert "certificate is for another identity" in found


def test_6_why_without_an_id_is_about_the_newest_failure(mesh: Up) -> None:
    url = mesh.url("app").replace("/productpage", "/nowhere-at-all")
    assert answer(url).status_code == 404
    eventually(
        lambda: "/nowhere-at-all" in mesh.run("why").stdout,
        seconds=20,
        what="the gateway has written its log",
    )
    found = mesh.do("why")
    assert "gateway, calling" in found
    assert "no route fits the request" in found


def test_6_a_gateway_gives_requests_from_outside_an_id_of_its_own(mesh: Up) -> None:
    url = mesh.url("app").replace("/productpage", "/from-outside")
    assert answer(url, {"x-request-id": "from-outside"}).status_code == 404

    def seen() -> list[dict[str, Any]]:
        every = mesh.json("logs", "gateway", "--requests", "--tail", "1000")
        return [each for each in every if each["path"] == "/from-outside"]

    eventually(lambda: bool(seen()), seconds=20, what="the gateway has logged it")
    (found,) = seen()
    assert mesh.run("why", "from-outside").returncode == 65
    assert "no route fits the request" in mesh.do("why", found["request_id"])


def _json(found: dict[str, Any]) -> str:
    kept = {name: found[name] for name in ("apiVersion", "kind", "spec")}
    known = found["metadata"]
    wanted = ("name", "namespace", "labels", "annotations")
    metadata = {name: known[name] for name in wanted if name in known}
    return json.dumps(kept | {"metadata": metadata})
