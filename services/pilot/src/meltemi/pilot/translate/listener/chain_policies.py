"""The policy filters of one filter chain, for whoever builds listeners.

```
CUSTOM  →  (Wasm AUTHN)  →  tokens  →  (Wasm AUTHZ)  →  AUDIT, DENY, ALLOW  →  the rest
```

Source: pilot/pkg/networking/core/listener_builder.go buildHTTPConnectionManager.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.pilot.translate.authorization.filters import (
    access_filters,
    custom_filters,
)
from meltemi.pilot.translate.request_authentication import token_filter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.key_sets import KeySource
    from meltemi.config.resource import Resource
    from meltemi.config.schema.authorization_policy import AuthorizationPolicy
    from meltemi.config.schema.request_authentication import RequestAuthentication
    from meltemi.pilot.ir import external_check, rbac, token


@dataclass(frozen=True, slots=True)
class Held:
    """What holds for a workload.

    Attributes:
        authorization: The AuthorizationPolicies, see `scope.policies.policies`.
        authentication: The RequestAuthentications, likewise.
        trust_domains: The mesh's, then its aliases.
        checks: The providers CUSTOM may name.
        keys: The key sets of issuers, as far as they could be had.

    """

    authorization: tuple[Resource[AuthorizationPolicy], ...]
    authentication: tuple[Resource[RequestAuthentication], ...]
    trust_domains: tuple[str, ...]
    checks: Mapping[str, external_check.ExternalCheck] = field(
        default_factory=dict[str, "external_check.ExternalCheck"]
    )
    keys: Mapping[KeySource, str] = field(default_factory=dict["KeySource", str])


@dataclass(frozen=True, slots=True)
class ChainPolicies:
    """Filters in the order of their groups; extensions may stand between those."""

    custom: tuple[rbac.AccessFilter | external_check.CheckFilter, ...] = ()
    tokens: tuple[token.TokenFilter, ...] = ()
    access: tuple[rbac.AccessFilter, ...] = ()


def http_chain(held: Held, *, gateway: bool = False) -> ChainPolicies:
    """Return the filters that judge requests.

    Args:
        held: What holds for the workload.
        gateway: Whether it routes by claims: the route is then chosen after tokens.

    """
    tokens = token_filter(held.authentication, held.keys, clear_route_cache=gateway)
    return ChainPolicies(
        custom=_custom(held, for_tcp=False),
        tokens=(tokens,) if tokens else (),
        access=access_filters(held.authorization, held.trust_domains, for_tcp=False),
    )


def tcp_chain(held: Held) -> ChainPolicies:
    """Return the filters that judge connections; those have no tokens."""
    return ChainPolicies(
        custom=_custom(held, for_tcp=True),
        access=access_filters(held.authorization, held.trust_domains, for_tcp=True),
    )


def _custom(
    held: Held, *, for_tcp: bool
) -> tuple[rbac.AccessFilter | external_check.CheckFilter, ...]:
    return custom_filters(
        held.authorization, held.trust_domains, held.checks, for_tcp=for_tcp
    )
