"""What a Pilot is told by its environment."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from meltemi.credentials.joining import Joining
from meltemi.identity.sealed import SealingKey
from meltemi.pilot.model.features import Features
from meltemi.runtime.bus_access import BusAccess
from meltemi.runtime.ledger_access import LedgerAccess
from meltemi.runtime.sealing_file import load_sealing_key
from meltemi.runtime.settings import Address, Addresses
from meltemi.runtime.tls import TlsFiles
from meltemi.runtime.tracing_access import TracingAccess

ADDRESS_XDS = Address("127.0.0.1", 15010)
ADDRESS_HTTP = Address("127.0.0.1", 15014)


def _source(value: object) -> object:
    """Return the address in ``xds://HOST:PORT``, or the path in ``file:///PATH``."""
    if not isinstance(value, str):
        return value
    scheme, _, rest = value.partition("://")
    if scheme == "file" and rest.startswith("/"):
        return Path(rest)
    if scheme != "xds":
        raise ValueError(f"expected xds://HOST:PORT or file:///FOLDER, found {value!r}")
    found = Address.parse(rest)
    if not found.is_loopback:
        raise ValueError(f"{rest} is not on loopback, and nothing is encrypted")
    return found


ConfigSource = Annotated[Address | Path, BeforeValidator(_source)]


def _features(value: object) -> object:
    """Return the features that JSON spells; pydantic names what is not one."""
    if not isinstance(value, str):
        return value
    given = json.loads(value)
    known = Features.__dataclass_fields__
    strays = sorted(set(given) - set(known)) if isinstance(given, dict) else []
    if strays:
        raise ValueError(f"{strays[0]} is not a feature: known are {', '.join(known)}")
    return given


OF_THE_LEDGER: Final = frozenset(
    {*LedgerAccess.model_fields, *BusAccess.model_fields}
    | {"heartbeat_silence", "secrets_key_file"}
)
"""What says something about ledger and doorbell, where a Pilot has them."""


class Carrier(StrEnum):
    """What carries the calls of proxies and agents."""

    GRPC = "grpc"
    """gRPC's own server."""
    HTTP2 = "http2"
    """Ours, which sends what many proxies share without a copy for each."""


class PilotSettings(LedgerAccess, BusAccess, TracingAccess):
    """One field, one unit, one default, one reason."""

    model_config = SettingsConfigDict(env_prefix="PILOT_")

    name: str = "pilot-0"
    """What people call this replica."""

    mesh: str = "default"
    """Which mesh of the ledger to serve."""

    xds_address: Address = ADDRESS_XDS
    """Where anybody connects, in plain text: 15010 as in Istio, on loopback only."""

    transport: Carrier = Carrier.HTTP2
    """``grpc`` or ``http2``: both serve the same, and any proxy may go to either."""

    xds_tls_address: Address | None = None
    """Where proxies connect with their certificate, Istio's 15012; unset: nowhere."""

    citadel_bootstrap: Address | None = None
    """Where a workload token buys the certificate that ``xds_tls_address`` shows."""

    citadel_renewal: Address | None = None
    """Where a certificate buys the next one."""

    root_cert_file: Path | None = None
    """Roots to believe Citadel by, until it has given us its bundle."""

    token_file: Path | None = None
    """The workload token. May be gone once it was used."""

    run_dir: Path | None = None
    """Where the certificate is kept over a restart. Made with mode 0700."""

    http_address: Address = ADDRESS_HTTP
    """Health, metrics and views: 15014 as in Istio. Beyond loopback with the three
    files below, by the name or address that Galley asks: it is announced as it is."""

    http_cert_file: Path | None = None
    """The certificate shown there (PEM); read again when it changes."""

    http_key_file: Path | None = None
    """Its key (PEM)."""

    http_client_ca_file: Path | None = None
    """Roots (PEM) of those who may ask there: without a certificate nobody may."""

    etcd_endpoints: Addresses = ()
    """The ledger's members."""

    nats_url: str = ""
    """The doorbell."""

    config_source: ConfigSource | None = None
    """What stands in place of ledger and doorbell. ``xds://HOST:PORT`` of a server that
    speaks Istio's MCP, for migration and measuring: ServiceEntry, WorkloadEntry,
    VirtualService, Sidecar and Gateway are read from it, in plain text, so on loopback
    only. Or a folder of files, ``file:///FOLDER``."""

    trust_domain: str = "cluster.local"
    """What workload identities start with, as MeshConfig.trustDomain."""

    root_namespace: str = "istio-system"
    """Where mesh-wide policies live, as MeshConfig.rootNamespace."""

    domain_suffix: str = "cluster.local"
    """What short host names end in."""

    secrets_key_file: Path | None = None
    """What Galley seals the TLS secrets of gateways with; unset: there are none."""

    @property
    def sealing_key(self) -> SealingKey | None:
        """What secrets are opened with; raises `SealingFileError`."""
        file = self.secrets_key_file
        return None if file is None else load_sealing_key(file)

    admin_token_file: Path | None = None
    """Who bears this token is told the state of the control plane over xDS, as istioctl
    asks for it; unset: nobody is."""

    access_log_file: str = ""
    """Where proxies log requests; empty: nowhere, as MeshConfig.accessLogFile."""

    metrics_provider: str = ""
    """Who counts requests; empty: nobody, as MeshConfig.defaultProviders.metrics."""

    features: Annotated[Features, BeforeValidator(_features)] = Features()
    """What is turned on or off, as JSON: ``{"dual_stack": true}``, see `Features`."""

    heartbeat_silence: float = Field(default=3.0, gt=0)
    """Seconds without a heartbeat after which the ledger is watched directly."""

    anti_entropy: float = Field(default=30.0, gt=0)
    """Seconds between comparisons with the ledger, whatever was announced."""

    @property
    def joining(self) -> Joining | None:
        """How to get a certificate; None where there is nothing to show one for."""
        if (
            self.xds_tls_address is None
            or self.citadel_bootstrap is None
            or self.citadel_renewal is None
            or self.root_cert_file is None
            or self.run_dir is None
        ):
            return None
        return Joining(
            self.citadel_bootstrap,
            self.citadel_renewal,
            self.root_cert_file,
            self.token_file,
            self.run_dir,
        )

    @model_validator(mode="after")
    def _configuration_comes_from_somewhere(self) -> Self:
        if self.config_source is not None:
            if self.etcd_endpoints or self.nats_url:
                raise ValueError(
                    "config_source stands in place of etcd_endpoints and nats_url: "
                    "set it, or both of them"
                )
            if idle := sorted(OF_THE_LEDGER & self.model_fields_set):
                raise ValueError(
                    f"{' and '.join(idle)} would do nothing: with config_source there "
                    "is no etcd, no NATS, no heartbeat and no secret; unset"
                )
        elif not (self.etcd_endpoints and self.nats_url):
            raise ValueError("set etcd_endpoints and nats_url, or config_source")
        return self

    @model_validator(mode="after")
    def _certificate_can_be_had(self) -> Self:
        if self.xds_tls_address is not None and self.joining is None:
            needed = (
                "citadel_bootstrap",
                "citadel_renewal",
                "root_cert_file",
                "run_dir",
            )
            missing = [name for name in needed if getattr(self, name) is None]
            raise ValueError(
                "xds_tls_address needs a certificate to show: set "
                + " and ".join(missing)
            )
        return self

    @property
    def http_tls(self) -> TlsFiles | None:
        """What ``http_address`` shows; None where it speaks plain text."""
        files = (self.http_cert_file, self.http_key_file, self.http_client_ca_file)
        if files[0] is None or files[1] is None:
            return None
        return TlsFiles(files[0], files[1], files[2], mutual=True)

    @model_validator(mode="after")
    def _plain_text_stays_here(self) -> Self:
        files = (self.http_cert_file, self.http_key_file, self.http_client_ca_file)
        if len({each is None for each in files}) > 1:
            raise ValueError(
                "http_cert_file, http_key_file and http_client_ca_file belong "
                "together: set all of them, or none"
            )
        plain = {"xds_address": "use 127.0.0.1 or [::1]"}
        if self.http_tls is None:
            plain["http_address"] = (
                "set http_cert_file, http_key_file and http_client_ca_file, or use "
                "127.0.0.1 or [::1]"
            )
        for field, advice in plain.items():
            address: Address = getattr(self, field)
            if not address.is_loopback:
                raise ValueError(
                    f"{field} {address} is not on loopback, and what is served there "
                    f"is not encrypted: {advice}"
                )
        return self
