"""RequestAuthentications: keys from anywhere, and routes that need a token.

Source: pkg/config/analysis/analyzers/authn and virtualservice/jwtclaimroute.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, remark
from meltemi.config.analysis.world import World, selects, subject
from meltemi.config.schema.gateway import Gateway
from meltemi.config.schema.request_authentication import RequestAuthentication
from meltemi.config.schema.virtual_service import VirtualService

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.analysis.remark import Remark
    from meltemi.config.resource import Resource

UNAUTHENTICATED = Message(
    "IST0149",
    Level.ERROR,
    "The virtual service uses the JWT claim based routing (key: %s) but found no "
    "request authentication for the gateway (%s) pod (%s). The request authentication "
    "must first be applied for the gateway pods to validate the JWT token and make the "
    "claims available for routing.",
)
CLAIMS = "@request.auth.claims"


def claims_without_authentication(world: World) -> Iterator[Remark]:
    """Yield a remark a route by claims through a gateway that reads no tokens."""
    gateways = {
        f"{each.metadata.namespace}/{each.metadata.name}": each
        for each in world.of(Gateway)
    }
    for virtual in world.of(VirtualService):
        key = next(_claims(virtual), None)
        if key is None:
            continue
        home = virtual.metadata.namespace
        for name in virtual.spec.gateways:
            full = name if "/" in name else f"{home}/{name}"
            gateway = gateways.get(full)
            if gateway is None:
                continue
            for namespace, labels in world.workloads():
                if not selects(gateway.spec.selector, labels):
                    continue
                if not _reads_tokens(world, namespace, labels):
                    arguments = (key, full, f"{namespace}/{dict(labels)}")
                    yield remark(UNAUTHENTICATED, subject(virtual), *arguments)


def _claims(virtual: Resource[VirtualService]) -> Iterator[str]:
    for rule in virtual.spec.http:
        for match in rule.match:
            for name in (*match.headers, *match.without_headers):
                if name.startswith(CLAIMS):
                    yield name


def _reads_tokens(world: World, namespace: str, labels: Mapping[str, str]) -> bool:
    for policy in world.of(RequestAuthentication):
        home, selector = policy.metadata.namespace, policy.spec.selector
        chosen = selector.match_labels if selector else {}
        if home in (namespace, world.root_namespace) and selects(chosen, labels):
            return True
    return False
