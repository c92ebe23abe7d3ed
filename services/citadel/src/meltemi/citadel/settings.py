"""Citadel's settings, from ``CITADEL_*`` variables."""

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from meltemi.citadel import jwt_svid, tokens
from meltemi.citadel.admit import Lifetimes
from meltemi.citadel.caller_settings import CallerSettings
from meltemi.citadel.issue import BACKDATE
from meltemi.citadel.key_ring import Pace
from meltemi.citadel.limits import Buckets, Limits, Rate
from meltemi.citadel.rotation.record import Waits
from meltemi.citadel.signer_settings import Seconds, SignerSettings
from meltemi.runtime.bus_access import BusAccess
from meltemi.runtime.ledger_access import LedgerAccess
from meltemi.runtime.settings import Address, Addresses
from meltemi.runtime.tls import TlsFiles


class CitadelSettings(SignerSettings, CallerSettings, LedgerAccess, BusAccess):
    """One field, one unit, one default, one reason."""

    model_config = SettingsConfigDict(env_prefix="CITADEL_")

    name: str = "citadel"
    """This replica, in logs."""

    mesh: str = "default"
    """Which mesh in the ledger the workload tokens belong to."""

    trust_domain: str = "cluster.local"
    """Istio's default trust domain."""

    root_namespace: str = "istio-system"
    """Where MeshConfig lies, whose trustDomainAliases are other names of the mesh."""

    http_address: Address
    """Admin REST, SPIFFE bundle and health; beyond loopback only with TLS."""

    tls_cert_file: Path | None = None
    """The certificate shown there (PEM, leaf first); read again when it changes."""

    tls_key_file: Path | None = None
    """Its key (PEM)."""

    bootstrap_address: Address
    """Certificates for tokens: server TLS, no client certificate."""

    renewal_address: Address
    """Certificates for certificates: a client certificate is required."""

    etcd_endpoints: Addresses
    """The ledger, which holds what is known of the tokens."""

    state_dir: Path
    """Where ``root-cert.pem`` is put, and what keys are encrypted with (0600)."""

    admin_token_file: Path
    """The bearer token of those who may make workload tokens."""

    workload_ttl: Seconds = Field(
        default=timedelta(hours=24), ge=timedelta(seconds=1), le=timedelta(days=90)
    )
    """Lifetime of a certificate when none is asked; a bare number is seconds.
    Istio's default and maximum."""

    max_workload_ttl: Seconds | None = Field(
        default=None, ge=timedelta(seconds=1), le=timedelta(days=90)
    )
    """The longest lifetime that may be asked for. Unset: a week, or `workload_ttl`
    where that is longer. Istio's MAX_WORKLOAD_CERT_TTL."""

    jwt_svid_ttl: Seconds = Field(
        default=jwt_svid.DEFAULT_LIFETIME,
        ge=timedelta(seconds=1),
        le=jwt_svid.LONGEST_LIFETIME,
    )
    """Lifetime of a JWT-SVID. Whoever steals one has it for as long."""

    token_key_life: Seconds = Field(
        default=timedelta(days=1), ge=timedelta(seconds=4), le=timedelta(days=365)
    )
    """How long a key signs tokens before the next one does."""

    rotation_distribute: Seconds | None = Field(default=None, ge=timedelta(0))
    """How long the bundle of a new root is out, at least, before that root signs.
    Unset: half of the longest life of a certificate."""

    rotation_drain: Seconds | None = Field(default=None, ge=timedelta(0))
    """How long the old root is believed after it signed last: not less than the longest
    life of a certificate. Unset: that, and two minutes for clocks."""

    @property
    def tls(self) -> TlsFiles | None:
        """What is shown at `http_address`; None where it speaks plain text."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(self.tls_cert_file, self.tls_key_file)

    @model_validator(mode="after")
    def _plain_text_stays_here(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file belong together: set both")
        if not self.http_address.is_loopback and self.tls is None:
            raise ValueError(
                f"http_address {self.http_address} is not on loopback, and tokens "
                "made there are not encrypted: set tls_cert_file and tls_key_file, "
                "or use 127.0.0.1 or [::1]"
            )
        return self

    @model_validator(mode="after")
    def _lives_fit(self) -> Self:
        """Refuse a root that leaves before its certificates have ended."""
        longest = self.lifetimes.longest
        if longest < self.workload_ttl:
            raise ValueError(
                f"max_workload_ttl {longest} is shorter than workload_ttl "
                f"{self.workload_ttl}"
            )
        if self.rotation_drain is not None and self.rotation_drain < longest:
            raise ValueError(
                f"rotation_drain {self.rotation_drain} is shorter than the {longest} "
                "that a certificate may live: its holder would not be believed any "
                "more; make it longer, or max_workload_ttl shorter"
            )
        return self

    @property
    def rotation_waits(self) -> Waits:
        """How long a rotation of the root waits, at least."""
        longest = self.lifetimes.longest
        distribute, drain = self.rotation_distribute, self.rotation_drain
        return Waits(
            longest / 2 if distribute is None else distribute,
            longest + BACKDATE if drain is None else drain,
        )

    @property
    def token_pace(self) -> Pace:
        """How fast the keys of workload tokens follow each other."""
        return Pace.of(self.token_key_life, tokens.LONGEST_LIFETIME)

    @property
    def svid_pace(self) -> Pace:
        """How fast the keys of JWT-SVIDs follow each other."""
        return Pace.of(self.token_key_life, self.jwt_svid_ttl)

    @property
    def limits(self) -> Limits:
        """Fresh buckets for every rate."""
        rates = (
            self.identity_rate or self._usual,
            self.jwt_svid_rate,
            self.address_rate,
            self.failure_rate,
        )
        return Limits(*map(Buckets, rates))

    @property
    def _usual(self) -> Rate:
        """Five a minute, or ten renewals in a lifetime where that is more."""
        return Rate(max(5 / 60, 10 / self.workload_ttl.total_seconds()), 10)

    @property
    def lifetimes(self) -> Lifetimes:
        """The bounds that `workload_ttl` and `max_workload_ttl` set."""
        return Lifetimes.around(self.workload_ttl, self.max_workload_ttl)
