"""What a Galley is told by its environment."""

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from meltemi.galley.adapters.key_keeper import KeyPolicy
from meltemi.identity.sealed import SealingKey
from meltemi.runtime.bus_access import BusAccess
from meltemi.runtime.guarded_fetch import Guard
from meltemi.runtime.ledger_access import LedgerAccess
from meltemi.runtime.sealing_file import load_sealing_key
from meltemi.runtime.settings import Address, Addresses, Networks
from meltemi.runtime.tls import TlsFiles, client_context
from meltemi.runtime.tracing_access import TracingAccess

ADDRESS_HTTP = Address("127.0.0.1", 15080)


class GalleySettings(LedgerAccess, BusAccess, TracingAccess):
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

    pilots_ca_file: Path | None = None
    """Roots (PEM) to believe Pilots by, where their HTTP is asked over TLS: this and
    the two below, or none, and then in plain text on loopback."""

    pilots_cert_file: Path | None = None
    """The certificate to show Pilots (PEM)."""

    pilots_key_file: Path | None = None
    """Its key (PEM)."""

    audit_file: Path | None = None
    """Where every write is recorded, a JSON object a line; unset: only in the log."""

    keys_allowed_networks: Networks = ()
    """From where keys of token issuers are fetched though it is no public address:
    ``10.1.0.0/16,127.0.0.1``. Link-local and metadata addresses stay closed.
    """

    keys_ca_file: Path | None = None
    """Roots (PEM) that such issuers' certificates may chain to, beside the system's."""

    keys_plain_http: bool = False
    """Whether ``http://`` is fetched: whoever is on the way can then forge keys."""

    keys_refresh: float = Field(default=1200.0, ge=1)
    """Seconds after which keys are fetched again; 20 minutes, as Istio's."""

    secrets_key_file: Path | None = None
    """What TLS secrets of gateways are sealed with: made at the first start, mode 0600;
    Pilots need the same. Unset: secrets are refused.
    """

    joining_citadel_bootstrap: Address | None = None
    """Where workloads on other machines reach Citadel with a token: what Galley tells
    them who join. This and the two below, or none.
    """

    joining_citadel_renewal: Address | None = None
    """Where they reach Citadel with a certificate."""

    joining_pilots: Addresses = ()
    """Where they reach every Pilot's TLS port."""

    @property
    def sealing_key(self) -> SealingKey | None:
        """What secrets are sealed with; raises `SealingFileError`."""
        file = self.secrets_key_file
        return None if file is None else load_sealing_key(file)

    @property
    def key_policy(self) -> KeyPolicy:
        """How keys of token issuers are fetched; raises `OSError`."""
        roots = self.keys_ca_file.read_text() if self.keys_ca_file else ""
        guard = Guard(self.keys_allowed_networks, roots, plain=self.keys_plain_http)
        return KeyPolicy(guard, timedelta(seconds=self.keys_refresh))

    @property
    def tls(self) -> TlsFiles | None:
        """What the listener shows; None where it speaks plain text."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(self.tls_cert_file, self.tls_key_file, self.client_ca_file)

    @property
    def pilots_tls(self) -> ssl.SSLContext | None:
        """How Pilots are asked; None: in plain text. Raises `TlsFilesError`."""
        files = (self.pilots_ca_file, self.pilots_cert_file, self.pilots_key_file)
        if files[0] is None or files[1] is None or files[2] is None:
            return None
        return client_context(files[0], files[1], files[2])

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches the API."""
        return self.http_address.is_loopback

    @model_validator(mode="after")
    def _joining_is_told_whole(self) -> Self:
        doors = (self.joining_citadel_bootstrap, self.joining_citadel_renewal)
        if len({door is not None for door in doors} | {bool(self.joining_pilots)}) > 1:
            raise ValueError(
                "joining_citadel_bootstrap, joining_citadel_renewal and joining_pilots "
                "belong together: set all of them, or none"
            )
        return self

    @model_validator(mode="after")
    def _pilots_are_asked_with_all_or_none(self) -> Self:
        files = (self.pilots_ca_file, self.pilots_cert_file, self.pilots_key_file)
        if len({each is None for each in files}) > 1:
            raise ValueError(
                "pilots_ca_file, pilots_cert_file and pilots_key_file belong together: "
                "set all of them, or none"
            )
        return self

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
