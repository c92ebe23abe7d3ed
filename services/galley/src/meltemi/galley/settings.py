"""What a Galley is told by its environment."""

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from meltemi.runtime.settings import Address, Addresses, ServiceSettings

ADDRESS_HTTP = Address("127.0.0.1", 15080)


class GalleySettings(ServiceSettings):
    """One field, one unit, one default, one reason."""

    model_config = SettingsConfigDict(env_prefix="GALLEY_")

    name: str = "galley-0"
    """What people call this replica; its relay signs heartbeats with it."""

    mesh: str = "default"
    """Which mesh of the ledger to keep."""

    http_address: Address = ADDRESS_HTTP
    """Where the API is served, in plain text: on loopback only."""

    etcd_endpoints: Addresses = Field(min_length=1)
    """The ledger's members."""

    nats_url: str
    """The doorbell."""

    admin_token_file: Path
    """The administrators' bearer token; read again for every write."""

    trust_bundle_file: Path | None = None
    """Root certificates (PEM) that workloads' proofs are checked against.

    Without it no workload may write.
    """

    trust_domain: str = "cluster.local"
    """What workload identities start with, as MeshConfig.trustDomain."""

    root_namespace: str = "istio-system"
    """Whose objects hold everywhere, as MeshConfig.rootNamespace: writing there
    needs a scope that names it.
    """

    audit_file: Path | None = None
    """Where every write is recorded, a JSON object a line; unset: only in the log."""

    @model_validator(mode="after")
    def _plain_text_stays_here(self) -> Self:
        if not ipaddress.ip_address(self.http_address.host).is_loopback:
            raise ValueError(
                f"http_address {self.http_address} is not on loopback, and tokens "
                "sent there are not encrypted: use 127.0.0.1 or [::1]"
            )
        return self
