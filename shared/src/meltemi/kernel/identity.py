"""SPIFFE identities of workloads, as Istio spells them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.names import Namespace

TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SERVICE_ACCOUNT = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
WORKLOAD_PATH = re.compile(r"spiffe://([^/]*)/ns/([^/]*)/sa/([^/]*)")


class InvalidIdentityError(MeshError):
    """A string is not the SPIFFE id of a workload."""

    code = "identity.invalid"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True, order=True)
class SpiffeId:
    """A workload's name: trust domain, namespace and service account.

    The charset rules are stricter than Istio's, whose parser only counts slashes:
    a service account ``x/ns/admin`` must not be able to name another namespace.

    Source:
        SPIFFE-ID 2.1-2.3; RFC 1123 labels for namespace and service account.

    """

    trust_domain: str
    namespace: Namespace
    service_account: str

    def __post_init__(self) -> None:
        """Refuse parts that cannot stand in an id, naming the part."""
        for part, value, pattern in (
            ("trust domain", self.trust_domain, TRUST_DOMAIN),
            ("namespace", self.namespace, NAMESPACE),
            ("service account", self.service_account, SERVICE_ACCOUNT),
        ):
            if not pattern.fullmatch(value):
                raise InvalidIdentityError(
                    f"{part} {value!r} must match {pattern.pattern}"
                )

    def __str__(self) -> str:
        return f"spiffe://{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"

    @classmethod
    def parse(cls, text: str) -> SpiffeId:
        """Return the identity that ``text`` spells.

        Raises:
            InvalidIdentityError: If it is not ``spiffe://TD/ns/NS/sa/SA``.

        """
        match = WORKLOAD_PATH.fullmatch(text)
        if match is None:
            raise InvalidIdentityError(
                f"{text!r} is not a workload id: expected spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT"
            )
        trust_domain, namespace, service_account = match.groups()
        return cls(trust_domain, Namespace(namespace), service_account)


@dataclass(frozen=True, slots=True)
class TrustDomains:
    """The trust domain of a mesh, and former or other names of the same mesh.

    Attributes:
        own: What new identities begin with.
        aliases: MeshConfig.trustDomainAliases: who is of one is of the mesh.

    """

    own: str
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each once, our own first."""
        return tuple(dict.fromkeys((self.own, *self.aliases)))

    def spellings(self, identity: SpiffeId) -> tuple[SpiffeId, ...]:
        """Return ``identity``, one of the mesh's, in every trust domain, ours first."""
        return tuple(replace(identity, trust_domain=each) for each in self.names)


CONTROL_NAMESPACE = Namespace("istio-system")
"""Istio's root namespace: the control plane's own identities live in it."""

CONTROL_ACCOUNTS = ("citadel", "galley", "injector", "pilot")
"""The services whose certificates carry a DNS name as well, their account's: clients
of gRPC can only check such a name."""


def control_plane(trust_domain: str, account: str) -> SpiffeId:
    """Return the identity of a service of the control plane."""
    return SpiffeId(trust_domain, CONTROL_NAMESPACE, account)


def is_control_plane(identity: SpiffeId) -> bool:
    """Tell whether ``identity`` is a service of the control plane."""
    return (
        identity.namespace == CONTROL_NAMESPACE
        and identity.service_account in CONTROL_ACCOUNTS
    )
