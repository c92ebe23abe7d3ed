"""AuthorizationPolicy: who may do what to workloads."""

from enum import StrEnum

import msgspec

from meltemi.config.schema.message import Message
from meltemi.config.schema.selector import PolicySelector
from meltemi.config.schema.target import PolicyTargetReference


class Action(StrEnum):
    """What becomes of a request that a rule matches."""

    ALLOW = "ALLOW"
    """It passes; whatever no ALLOW policy of the workload matches does not."""
    DENY = "DENY"
    """It is refused, whatever ALLOW policies say."""
    AUDIT = "AUDIT"
    """It is marked for the audit log."""
    CUSTOM = "CUSTOM"
    """The provider decides; before DENY and ALLOW."""


class ExtensionProvider(Message, frozen=True, kw_only=True):
    """Who decides for CUSTOM."""

    name: str | None = None
    """A name among the mesh's extension providers."""


class Source(Message, frozen=True, kw_only=True):
    """Where a request comes from: every field that is set must hold.

    In a list one value must hold, in a ``not_`` list none may. Values may be ``*``,
    begin or end with it, unless it is said otherwise.
    """

    principals: tuple[str, ...] = ()
    """``TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`` of the client's certificate."""
    not_principals: tuple[str, ...] = ()
    """None of these."""
    request_principals: tuple[str, ...] = ()
    """``ISSUER/SUBJECT`` of the verified token."""
    not_request_principals: tuple[str, ...] = ()
    """None of these."""
    namespaces: tuple[str, ...] = ()
    """One of these, as the client's certificate names it."""
    not_namespaces: tuple[str, ...] = ()
    """None of these."""
    ip_blocks: tuple[str, ...] = ()
    """Addresses or CIDR ranges of the peer."""
    not_ip_blocks: tuple[str, ...] = ()
    """None of these."""
    remote_ip_blocks: tuple[str, ...] = ()
    """Addresses or ranges of the original client, by X-Forwarded-For."""
    not_remote_ip_blocks: tuple[str, ...] = ()
    """None of these."""
    service_accounts: tuple[str, ...] = ()
    """``[NAMESPACE/]ACCOUNT``, without wildcards."""
    not_service_accounts: tuple[str, ...] = ()
    """None of these."""
    trust_domains: tuple[str, ...] = ()
    """Trust domains of the client's certificate."""
    not_trust_domains: tuple[str, ...] = ()
    """None of these."""


class From(Message, frozen=True, kw_only=True):
    """One source of several."""

    source: Source | None = None


class RequestOperation(Message, frozen=True, kw_only=True):
    """What a request asks for: every field that is set must hold.

    Values may be ``*``, begin or end with it, unless it is said otherwise.
    """

    hosts: tuple[str, ...] = ()
    """Without regard to case."""
    not_hosts: tuple[str, ...] = ()
    """None of these."""
    ports: tuple[str, ...] = ()
    """Numbers in quotes, without wildcards."""
    not_ports: tuple[str, ...] = ()
    """None of these."""
    methods: tuple[str, ...] = ()
    """One of these, such as ``GET``."""
    not_methods: tuple[str, ...] = ()
    """None of these."""
    paths: tuple[str, ...] = ()
    """Or a template: ``/foo/{*}/bar`` for one part, ``/foo/{**}`` for any number."""
    not_paths: tuple[str, ...] = ()
    """None of these."""


class To(Message, frozen=True, kw_only=True):
    """One operation of several."""

    operation: RequestOperation | None = None


class Condition(Message, frozen=True, kw_only=True):
    """An attribute of the request or the connection."""

    key: str
    """Such as ``request.headers[x-id]``, ``source.ip``, ``connection.sni``."""
    values: tuple[str, ...] = ()
    """One must hold."""
    not_values: tuple[str, ...] = ()
    """None may hold."""


class Rule(Message, frozen=True, kw_only=True):
    """Matches when a source, an operation and all conditions do. Empty: always."""

    from_: tuple[From, ...] | None = msgspec.field(default=None, name="from")
    """Absent: any source. An empty list is refused, so that it means neither."""
    to: tuple[To, ...] | None = None
    """Absent: any operation."""
    when: tuple[Condition, ...] = ()


class AuthorizationPolicy(Message, frozen=True, kw_only=True):
    """Rules for the selected workloads, a namespace, or the mesh.

    No rules match nothing: ALLOW without rules refuses every request.
    """

    selector: PolicySelector | None = None
    target_ref: PolicyTargetReference | None = None
    """Deprecated: ``target_refs``."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    """Instead of the selector, for gateways and waypoints."""
    rules: tuple[Rule, ...] = ()
    action: Action | None = None
    """Default ALLOW."""
    provider: ExtensionProvider | None = None
    """For CUSTOM only, which needs it."""
