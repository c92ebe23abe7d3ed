"""Citadel's settings, from ``CITADEL_*`` variables."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from meltemi.citadel.admit import Lifetimes
from meltemi.citadel.entries import Registration
from meltemi.citadel.limits import Buckets, Limits, Rate
from meltemi.runtime.dial_rule import Network
from meltemi.runtime.settings import Address, Addresses, ServiceSettings


def _seconds(value: object) -> object:
    """Read a bare number as seconds; pydantic reads ISO 8601 (PT24H) by itself."""
    return float(value) if isinstance(value, str) and value.isdecimal() else value


def _rate(value: object) -> object:
    return Rate.parse(value) if isinstance(value, str) else value


def _networks(value: object) -> object:
    """Read a comma list of networks."""
    if not isinstance(value, str):
        return value
    return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())


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

    access_file: Path | None = None
    """Limited tokens of the administration, YAML or JSON; unset: there are none."""

    registration: Registration = Registration.OPEN
    """``required``: an identity without an enabled registration entry gets nothing."""

    issuers_file: Path | None = None
    """Issuers of tokens that others run, YAML or JSON; unset: only Citadel's own."""

    jwks_networks: Annotated[tuple[Network, ...], BeforeValidator(_networks)] = ()
    """Networks, beside the public ones, that key sets may be fetched from."""

    jwks_roots_file: Path | None = None
    """Roots (PEM), beside the system's, to believe servers of key sets by."""

    identity_rate: Annotated[Rate | None, BeforeValidator(_rate)] = None
    """Requests for one identity, ``NUMBER/s`` or ``NUMBER/min`` and ``:BURST``. Unset:
    ``5/min:10``, and more where certificates live so short that renewals need it."""

    address_rate: Annotated[Rate, BeforeValidator(_rate)] = Rate(20, 40)
    """Requests from one IP address, a second."""

    failure_rate: Annotated[Rate, BeforeValidator(_rate)] = Rate(1, 10)
    """Callers that nobody recognises from one IP address, a second."""

    @property
    def limits(self) -> Limits:
        """Fresh buckets for the three rates."""
        rates = (
            self.identity_rate or self._usual,
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
        """The bounds that `workload_ttl` sets."""
        return Lifetimes.around(self.workload_ttl)
