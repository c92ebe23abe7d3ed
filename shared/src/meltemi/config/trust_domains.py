"""The trust domain of the mesh, and what else MeshConfig calls it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.canonical import UnreadableObjectError, from_stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.config.schema.mesh_config import CertificateData, MeshConfig
from meltemi.kernel.identity import TrustDomains
from meltemi.kernel.names import Key, Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def mesh_config_place(mesh: str, root_namespace: str) -> str:
    """Return where the MeshConfig of ``mesh`` lies in the ledger."""
    key = Key("MeshConfig", Namespace(root_namespace), "default")
    return ledger_key(mesh, key)


class MeshDomains:
    """What is in force. A follower of `mesh_config_place`.

    Attributes:
        now: The trust domain a service was told, and MeshConfig's aliases of it.
        authorities: MeshConfig's caCertificates.
        known: Whether the ledger was read once.

    """

    def __init__(
        self, trust_domain: str, changed: Callable[[], None] = lambda: None
    ) -> None:
        """Call ``changed`` whenever there is something new."""
        self._changed = changed
        self._own = trust_domain
        self.now = TrustDomains(trust_domain)
        self.known = False
        self.authorities: tuple[CertificateData, ...] = ()

    def replace(self, found: Mapping[str, bytes]) -> None:
        """Take what the ledger has: the object's key is the prefix that is followed."""
        self.known = True
        self.change("", found.get(""))

    def change(self, key: str, value: bytes | None) -> None:
        """Take a new MeshConfig; one that cannot be read changes nothing."""
        if key:
            return
        try:
            spec = MeshConfig() if value is None else from_stored(value).spec
        except UnreadableObjectError:
            return
        if isinstance(spec, MeshConfig):
            self.now = TrustDomains(self._own, spec.trust_domain_aliases)
            self.authorities = spec.ca_certificates
            self._changed()
