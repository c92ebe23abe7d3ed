"""RequestAuthentication: which JSON web tokens workloads accept (RFC 7519)."""

from enum import StrEnum

from meltemi.config.schema.message import Message
from meltemi.config.schema.selector import PolicySelector
from meltemi.config.schema.target import PolicyTargetReference
from meltemi.config.values import Duration


class Presence(StrEnum):
    """Whether a request needs a token of the rule."""

    OPTIONAL = "OPTIONAL"
    """A request without token passes; one with a wrong token does not."""
    REQUIRED = "REQUIRED"


class JWTHeader(Message, frozen=True, kw_only=True):
    """A header a token is read from."""

    name: str
    """Which header may hold a token."""
    prefix: str | None = None
    """What stands before the token, such as ``"Bearer "`` with its space."""


class ClaimToHeader(Message, frozen=True, kw_only=True):
    """A claim that is copied to a request header."""

    header: str
    """Which header the claim is written to."""
    claim: str
    """Strings, numbers and booleans only; ``a.b`` reaches into an object."""


class JWTRule(Message, frozen=True, kw_only=True):
    """Tokens of one issuer."""

    issuer: str | None = None
    """What ``iss`` must say; absent accepts any."""
    audiences: tuple[str, ...] = ()
    """Values of ``aud`` of which one must be there; default any."""
    jwks_uri: str | None = None
    """URL of the issuer's public keys (RFC 7517); default: found through OpenID."""
    jwks: str | None = None
    """The keys themselves, JSON; not together with ``jwks_uri``."""
    from_headers: tuple[JWTHeader, ...] = ()
    """Default: ``Authorization: Bearer``, and the parameter ``access_token``."""
    from_params: tuple[str, ...] = ()
    """Parameters of the query that may hold a token."""
    from_cookies: tuple[str, ...] = ()
    """Cookies that may hold a token."""
    output_payload_to_header: str | None = None
    """Where the verified payload goes, in base64url."""
    forward_original_token: bool | None = None
    """Whether the workload sees the token; default false."""
    output_claim_to_headers: tuple[ClaimToHeader, ...] = ()
    timeout: Duration | None = None
    """Longest a fetch of the keys may take; default 5 s."""
    space_delimited_claims: tuple[str, ...] = ()
    """Claims that hold lists with spaces between, beside ``scope``."""
    presence: Presence | None = None
    """Default OPTIONAL."""


class RequestAuthentication(Message, frozen=True, kw_only=True):
    """Rules for the selected workloads, a namespace, or the mesh."""

    selector: PolicySelector | None = None
    target_ref: PolicyTargetReference | None = None
    """Deprecated: ``target_refs``."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    """Instead of the selector, for gateways and waypoints."""
    jwt_rules: tuple[JWTRule, ...] = ()
