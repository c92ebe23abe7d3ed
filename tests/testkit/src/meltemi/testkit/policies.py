"""Policies as people write them, judged as a workload's proxy does."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.json_format import ParseDict

from meltemi.config.schema.authorization_policy import AuthorizationPolicy
from meltemi.config.schema.request_authentication import RequestAuthentication
from meltemi.pilot.emit.policy import http_policies, network_policies
from meltemi.pilot.emit.wire import packed
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.scope.policies import policies
from meltemi.pilot.trace import Answer, Call, Http, Tls, trace
from meltemi.pilot.translate.listener.chain_policies import Held, http_chain, tcp_chain
from meltemi.testkit.held import chain, held, listener, table, tcp, tls, to
from meltemi.testkit.mesh import mesh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envoy.config.listener.v3.listener_components_pb2 import Filter
    from envoy.config.listener.v3.listener_pb2 import Listener

    from meltemi.config.key_sets import KeySource
    from meltemi.pilot.ir.external_check import ExternalCheck

HOME = "default"
WORKLOAD = {"app": "web", "version": "v1"}
ADDRESS, PORT = "10.0.0.1", 80
ROOT = MeshConfig().root_namespace
KEYS = (
    '{"keys":[{"kty":"EC","kid":"k","crv":"P-256",'
    '"x":"qNU6NGK1ay86r7MjUbGEqf6feQ-6wtob1Xrb-On_45Q",'
    '"y":"Nkl2mHbgQZE_KDQI7OdMHX1HmqldrqIQufZxxkj323c"}]}'
)
JAMES = "spiffe://cluster.local/ns/shop/sa/james"


def held_by(
    text: str,
    *,
    domains: tuple[str, ...] = ("cluster.local",),
    checks: Mapping[str, ExternalCheck] | None = None,
    keys: Mapping[KeySource, str] | None = None,
) -> Held:
    """Return what the objects of ``text`` mean for the workload ``app: web``."""
    made = mesh(text)
    scope = {"root_namespace": ROOT, "namespace": HOME}
    return Held(
        policies(made.of(AuthorizationPolicy), **scope, labels=WORKLOAD),
        policies(made.of(RequestAuthentication), **scope, labels=WORKLOAD),
        domains,
        checks or {},
        keys or {},
    )


def http_filters(given: Held) -> list[hcm.HttpFilter]:
    """Return the filters of a chain for requests, the router last."""
    made = http_chain(given)
    router = hcm.HttpFilter(name="router", typed_config=packed(Router()))
    return [*http_policies((*made.custom, *made.tokens, *made.access)), router]


def network_filters(given: Held) -> list[Filter]:
    """Return the filters of a chain for connections."""
    made = tcp_chain(given)
    return network_policies((*made.custom, *made.access))


def http_listener(given: Held, *, mutual: bool = True) -> Listener:
    """Return a listener that judges requests, of mutual TLS callers or in the clear."""
    manager = hcm.HttpConnectionManager(http_filters=http_filters(given))
    manager.stat_prefix = "in"
    one = {"transport_socket": tls(certificate=True)} if mutual else {}
    made = listener("in", ADDRESS, PORT, chain("in", **one))
    everything = table(to("a")) | {"name": "in"}
    everything["virtual_hosts"][0]["domains"] = ["*"]
    ParseDict(everything, manager.route_config)
    made.filter_chains[0].filters.add(name="http", typed_config=packed(manager))
    return made


def judged(given: Held, call: Call) -> Answer:
    """Return what becomes of a request that reaches the workload."""
    return trace(held(http_listener(given, mutual=call.tls is not None)), call)


def judged_bytes(given: Held, call: Call) -> Answer:
    """Return what becomes of a connection that is not HTTP."""
    secure = chain("in", tcp("a"), transport_socket=tls(certificate=True))
    made = listener("in", ADDRESS, PORT, secure)
    forward = made.filter_chains[0].filters.pop()
    made.filter_chains[0].filters.extend([*network_filters(given), forward])
    return trace(held(made), call)


def asked(
    path: str = "/",
    method: str = "GET",
    *,
    by: str = JAMES,
    host: str = "web",
    headers: Mapping[str, str] | None = None,
) -> Call:
    """Return a request over mutual TLS; without ``by`` it comes in the clear."""
    given = tuple((headers or {}).items())
    request = Http(host, path, method, headers=given)
    peer = Tls("web.example", certificate=True, principal=by) if by else None
    return Call(ADDRESS, PORT, tls=peer, http=request, source="10.7.0.1")


def bearer(**claims: object) -> dict[str, str]:
    """Return the header of a token with these claims; nobody signed it."""
    return headed({}, **claims)


def headed(head: Mapping[str, object], /, **claims: object) -> dict[str, str]:
    """Return the same, with a head that says by which key it is signed."""
    first, second = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
        for each in (head, claims)
    )
    return {"authorization": f"Bearer {first}.{second}.c2ln"}
