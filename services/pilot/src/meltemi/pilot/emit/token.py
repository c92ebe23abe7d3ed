"""Token verification, as Envoy's jwt_authn filter.

Source: pilot/pkg/security/authn/policy_applier.go convertToEnvoyJwtConfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import RouteMatch
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import (
    JwtAuthentication,
    JwtClaimToHeader,
    JwtHeader,
    JwtProvider,
    JwtRequirement,
    JwtRequirementAndList,
    JwtRequirementOrList,
    RequirementRule,
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.empty_pb2 import Empty

from meltemi.pilot.emit.wire import packed

if TYPE_CHECKING:
    from meltemi.pilot.ir import token

TOKEN_FILTER = "envoy.filters.http.jwt_authn"  # noqa: S105 - a filter's name
PAYLOAD = "payload"
"""Where the claims are left: access rules look for them there."""


def token_filter(made: token.TokenFilter) -> hcm.HttpFilter:
    """Return the filter that verifies tokens."""
    return hcm.HttpFilter(name=TOKEN_FILTER, typed_config=packed(verification(made)))


def verification(made: token.TokenFilter) -> JwtAuthentication:
    """Return the settings of that filter."""
    providers = {
        f"origins-{at}": _provider(each, clear_route_cache=made.clear_route_cache)
        for at, each in enumerate(made.issuers)
    }
    everything = RouteMatch(prefix="/")
    rule = RequirementRule(match=everything, requires=_requirement(list(providers)))
    return JwtAuthentication(
        providers=providers, rules=[rule], bypass_cors_preflight=True
    )


def _requirement(names: list[str]) -> JwtRequirement:
    """Return "no wrong token": one of the issuers', or for each its own or none.

    Tokens of several issuers in one place would fail the second; the first is for them.
    """
    optional = [
        _any_of([JwtRequirement(provider_name=each), _no_token()]) for each in names
    ]
    if len(names) == 1:
        return optional[0]
    one = [JwtRequirement(provider_name=each) for each in names]
    every = JwtRequirement(requires_all=JwtRequirementAndList(requirements=optional))
    return _any_of([*one, every])


def _any_of(requirements: list[JwtRequirement]) -> JwtRequirement:
    listed = JwtRequirementOrList(requirements=requirements)
    return JwtRequirement(requires_any=listed)


def _no_token() -> JwtRequirement:
    return JwtRequirement(allow_missing=Empty())


def _provider(made: token.TokenIssuer, *, clear_route_cache: bool) -> JwtProvider:
    return JwtProvider(
        issuer=made.issuer,
        audiences=made.audiences,
        local_jwks=DataSource(inline_string=made.keys),
        forward=made.forward,
        from_headers=[
            JwtHeader(name=name, value_prefix=prefix) for name, prefix in made.headers
        ],
        from_params=made.params,
        from_cookies=made.cookies,
        forward_payload_header=made.payload_header,
        payload_in_metadata=PAYLOAD,
        normalize_payload_in_metadata=JwtProvider.NormalizePayload(
            space_delimited_claims=made.lists
        ),
        claim_to_headers=[
            JwtClaimToHeader(header_name=name, claim_name=claim)
            for name, claim in made.claim_headers
        ],
        clear_route_cache=clear_route_cache,
    )
