"""Whom the mesh believes beside itself, as MeshConfig's caCertificates say.

Source: istio/api mesh/v1alpha1/config.proto, MeshConfig.CertificateData: an anchor
without trust domains is the mesh's own and its aliases'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.identity.certificate import (
    InvalidCertificateError,
    certificate_pem,
    parse_chain,
)
from meltemi.identity.federation import Anchor, Federation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meltemi.config.schema.mesh_config import CertificateData
    from meltemi.kernel.identity import TrustDomains


def federation(
    domains: TrustDomains,
    authorities: Sequence[CertificateData],
    bundles: Mapping[str, str],
) -> Federation:
    """Return whom to believe; an authority that cannot be read is nobody's.

    Args:
        domains: What the mesh itself is called.
        authorities: MeshConfig's caCertificates.
        bundles: What is published at the URLs that they name, PEM.

    """
    found: dict[str, dict[str, None]] = {}
    for each in authorities:
        url = each.spiffe_bundle_url
        roots = _roots(each.pem or "" if url is None else bundles.get(url, ""))
        for name in each.trust_domains or domains.names:
            found.setdefault(name, {}).update(roots)
    anchors = (Anchor(name, tuple(found[name])) for name in sorted(found))
    return Federation(domains.names, tuple(each for each in anchors if each.roots))


def _roots(pem: str) -> dict[str, None]:
    """Return the certificates in ``pem``, in order, each once."""
    try:
        return {certificate_pem(each): None for each in parse_chain(pem)}
    except InvalidCertificateError:
        return {}
