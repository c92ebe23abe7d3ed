"""What a Pilot is told by its environment."""

from __future__ import annotations

import ipaddress
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from meltemi.runtime.settings import Address, Addresses, ServiceSettings

ADDRESS_XDS = Address("127.0.0.1", 15010)
ADDRESS_HTTP = Address("127.0.0.1", 15014)


class PilotSettings(ServiceSettings):
    """One field, one unit, one default, one reason."""

    model_config = SettingsConfigDict(env_prefix="PILOT_")

    name: str = "pilot-0"
    """What people call this replica."""

    mesh: str = "default"
    """Which mesh of the ledger to serve."""

    xds_address: Address = ADDRESS_XDS
    """Where proxies connect, in plain text: 15010 as in Istio, on loopback only."""

    http_address: Address = ADDRESS_HTTP
    """Health, metrics and views, in plain text: 15014 as in Istio, on loopback only."""

    etcd_endpoints: Addresses = Field(min_length=1)
    """The ledger's members."""

    nats_url: str
    """The doorbell."""

    trust_domain: str = "cluster.local"
    """What workload identities start with, as MeshConfig.trustDomain."""

    root_namespace: str = "istio-system"
    """Where mesh-wide policies live, as MeshConfig.rootNamespace."""

    domain_suffix: str = "cluster.local"
    """What short host names end in."""

    access_log_file: str = ""
    """Where proxies log requests; empty: nowhere, as MeshConfig.accessLogFile."""

    heartbeat_silence: float = Field(default=3.0, gt=0)
    """Seconds without a heartbeat after which the ledger is watched directly."""

    anti_entropy: float = Field(default=30.0, gt=0)
    """Seconds between comparisons with the ledger, whatever was announced."""

    @model_validator(mode="after")
    def _plain_text_stays_here(self) -> Self:
        for field in ("xds_address", "http_address"):
            address: Address = getattr(self, field)
            if not ipaddress.ip_address(address.host).is_loopback:
                raise ValueError(
                    f"{field} {address} is not on loopback, and what is served there "
                    "is not encrypted: use 127.0.0.1 or [::1]"
                )
        return self
