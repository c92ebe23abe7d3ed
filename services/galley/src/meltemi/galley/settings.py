"""What a Galley is told by its environment."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from meltemi.runtime.settings import Address, Addresses, ServiceSettings
from meltemi.runtime.tls import TlsFiles

ADDRESS_HTTP = Address("127.0.0.1", 15080)


class GalleySettings(ServiceSettings):
    """One field, one unit, one default, one reason."""

    model_config = SettingsConfigDict(env_prefix="GALLEY_")

    name: str = "galley-0"
    """What people call this replica; its relay signs heartbeats with it."""

    mesh: str = "default"
    """Which mesh of the ledger to keep."""

    http_address: Address = ADDRESS_HTTP
    """Where the API is served; beyond loopback only with TLS."""

    tls_cert_file: Path | None = None
    """The certificate the API shows (PEM, leaf first); read again when it changes."""

    tls_key_file: Path | None = None
    """Its key (PEM)."""

    client_ca_file: Path | None = None
    """Roots of client certificates (PEM): whom `access_file` then gives scopes."""

    access_file: Path | None = None
    """Who else may do what: identities of client certificates, and issuers of JWTs,
    with their scopes (YAML or JSON); read again when it changes.
    """

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

    config_dir: Path | None = None
    """A folder of YAML that is kept in force beside the API: its objects are the
    folder's, and leave the mesh when they leave it. For one Galley of a mesh only.
    """

    audit_file: Path | None = None
    """Where every write is recorded, a JSON object a line; unset: only in the log."""

    @property
    def tls(self) -> TlsFiles | None:
        """What the listener shows; None where it speaks plain text."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(self.tls_cert_file, self.tls_key_file, self.client_ca_file)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches the API."""
        return self.http_address.is_loopback

    @model_validator(mode="after")
    def _plain_text_stays_here(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file belong together: set both")
        if self.client_ca_file is not None and self.tls is None:
            raise ValueError(
                "client_ca_file is of no use in plain text: set tls_cert_file and "
                "tls_key_file"
            )
        if not self.on_loopback and self.tls is None:
            raise ValueError(
                f"http_address {self.http_address} is not on loopback, and tokens "
                "sent there are not encrypted: set tls_cert_file and tls_key_file, "
                "or use 127.0.0.1 or [::1]"
            )
        return self
