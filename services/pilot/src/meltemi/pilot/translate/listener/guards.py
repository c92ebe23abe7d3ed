"""What judges requests and connections before they reach a workload or pass a gateway.

One set of filters a class of proxies: every chain of a listener shares it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.scope.policies import policies
from meltemi.pilot.scope.proxy import Role, home_among
from meltemi.pilot.translate.authorization.provider import external_checks
from meltemi.pilot.translate.listener.chain_policies import (
    ChainPolicies,
    Held,
    http_chain,
    tcp_chain,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot.scope.scope import Scope


@dataclass(frozen=True, slots=True)
class Guards:
    """The filters that judge requests, and those that judge connections."""

    http: ChainPolicies
    tcp: ChainPolicies

    def requests(self, made: ir.HttpFilter) -> ir.HttpFilter:
        """Return ``made``, which serves only what the policies let pass."""
        guard = self.http
        return replace(
            made, custom=guard.custom, tokens=guard.tokens, access=guard.access
        )

    def chain(self, made: ir.FilterChain) -> ir.FilterChain:
        """Return ``made``, which takes only what the policies let pass."""
        if isinstance(made.filter, ir.HttpFilter):
            return replace(made, filter=self.requests(made.filter))
        return replace(made, custom=self.tcp.custom, policies=self.tcp.access)


def guards(scope: Scope) -> Guards:
    """Return what holds for the proxies of ``scope``."""
    group, index, config = scope.group, scope.index, scope.config
    labels = group.label_map
    authorizers = tuple(
        each
        for each in config.document.extension_providers
        if each.envoy_ext_authz_http or each.envoy_ext_authz_grpc
    )
    held = Held(
        authorization=policies(
            index.authorization_policies,
            root_namespace=config.root_namespace,
            namespace=home_among(group, index.authorization_policies),
            labels=labels,
        ),
        authentication=policies(
            index.request_authentications,
            root_namespace=config.root_namespace,
            namespace=home_among(group, index.request_authentications),
            labels=labels,
        ),
        trust_domains=(
            config.trust_domain,
            *config.document.trust_domain_aliases,
        ),
        checks=external_checks(
            authorizers, tuple(_places(scope)) if authorizers else ()
        ),
        keys=index.keys,
    )
    return Guards(http_chain(held, gateway=group.role is Role.GATEWAY), tcp_chain(held))


def _places(scope: Scope) -> Iterator[tuple[str, str]]:
    for each in scope.services.values():
        yield each.namespace, each.host
