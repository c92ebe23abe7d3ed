"""Citadel's settings, from ``CITADEL_*`` variables."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from meltemi.citadel.admit import Lifetimes
from meltemi.runtime.settings import Address, Addresses, ServiceSettings


def _seconds(value: object) -> object:
    """Read a bare number as seconds; pydantic reads ISO 8601 (PT24H) by itself."""
    return float(value) if isinstance(value, str) and value.isdecimal() else value


class CitadelSettings(ServiceSettings):
    """One field, one unit, one default, one reason."""

    model_config = SettingsConfigDict(env_prefix="CITADEL_")

    name: str = "citadel"
    """This replica, in logs."""

    mesh: str = "default"
    """Which mesh in the ledger the workload tokens belong to."""

    trust_domain: str = "cluster.local"
    """Istio's default trust domain."""

    http_address: Address
    """Admin REST and health, loopback or behind a TLS front."""

    bootstrap_address: Address
    """Certificates for tokens: server TLS, no client certificate."""

    renewal_address: Address
    """Certificates for certificates: a client certificate is required."""

    etcd_endpoints: Addresses
    """The ledger, which holds what is known of the tokens."""

    state_dir: Path
    """Where the keys lie (0600), the root's and the tokens', and ``root-cert.pem``."""

    admin_token_file: Path
    """The bearer token of those who may make workload tokens."""

    workload_ttl: Annotated[timedelta, BeforeValidator(_seconds)] = Field(
        default=timedelta(hours=24), ge=timedelta(seconds=1), le=timedelta(days=90)
    )
    """Lifetime of a certificate when none is asked; a bare number is seconds.
    Istio's default and maximum."""

    @property
    def lifetimes(self) -> Lifetimes:
        """The bounds that `workload_ttl` sets."""
        return Lifetimes.around(self.workload_ttl)
