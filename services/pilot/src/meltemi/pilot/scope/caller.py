"""Whether a proxy may be who its node message says it is.

Source: pilot/pkg/xds/ads.go authorize: the namespace and the service account of a node
must be those of the certificate. Istio's does not look at the trust domain; ours is
one of the mesh's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.kernel.identity import SpiffeId, TrustDomains
    from meltemi.pilot.scope.proxy import Proxy


class ForbiddenNodeError(MeshError):
    """A proxy asks for the configuration of another."""

    code = "xds.forbidden-node"
    blame = Blame.CALLER


def check_domain(identity: SpiffeId, domains: TrustDomains) -> None:
    """Make sure that ``identity`` is one of the mesh's.

    Raises:
        ForbiddenNodeError: If its trust domain is not.

    """
    if identity.trust_domain not in domains.names:
        raise ForbiddenNodeError(
            f"the certificate is that of {identity}: expected one of the trust domain "
            f"{domains.own!r} or an alias of it"
        )


def check_caller(proxy: Proxy, identity: SpiffeId, domains: TrustDomains) -> None:
    """Make sure that ``identity`` may have what ``proxy`` is to hold.

    Raises:
        ForbiddenNodeError: If a part of the identity is not what the node claims.

    """
    check_domain(identity, domains)
    group = proxy.group
    home = proxy.name.rpartition(".")[2]
    claims = (
        ("namespace", group.namespace, identity.namespace),
        ("namespace in its node id", home, identity.namespace),
        ("service account", group.node.service_account, identity.service_account),
    )
    for part, claimed, proved in claims:
        if claimed != proved:
            raise ForbiddenNodeError(
                f"{proxy.node_id} says its {part} is {claimed!r}, and its certificate "
                f"is that of {identity}: NAMESPACE and SERVICE_ACCOUNT of the node's "
                "metadata must be those of the certificate"
            )
