"""What a sidecar's two processes are started with: the agent, and what captures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.injector.decision import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.injector.decision import Decision
    from meltemi.injector.sidecar import Proxy, Sidecar

TOKEN: Final = "/run/meltemi/token"  # noqa: S105 - where it is mounted
ROOTS: Final = "/run/meltemi/roots.pem"
GALLEY_CA: Final = "/run/meltemi/galley.pem"
RUN: Final = "/run/agent"
DNS: Final = "127.0.0.1:15053"
READY: Final = "/healthz/ready"
BOTH: Final = "0.0.0.0"  # noqa: S104 - a workload's health is asked from outside


@dataclass(frozen=True, slots=True)
class Mesh:
    """Where the mesh is, as a sidecar reaches it.

    Attributes:
        trust_domain: What identities start with.
        citadel_bootstrap: ``HOST:PORT`` where a token buys a certificate.
        citadel_renewal: ``HOST:PORT`` where a certificate buys the next one.
        pilots: ``HOST:PORT`` of every Pilot.
        galley: Its URL.
        galley_ca: The file that it is believed by, as the agent's container has it.

    """

    trust_domain: str = "cluster.local"
    citadel_bootstrap: str = "citadel:15012"
    citadel_renewal: str = "citadel:15013"
    pilots: tuple[str, ...] = ("pilot-0:15011", "pilot-1:15011")
    galley: str = "https://galley:15443"
    galley_ca: str = ROOTS


def agent_environ(sidecar: Sidecar, mesh: Mesh, name: str) -> Mapping[str, str]:
    """Return the settings of the agent of the instance ``name``."""
    workload, proxy = sidecar.workload, sidecar.proxy
    settings = {
        "NAME": name,
        "NAMESPACE": workload.namespace,
        "SERVICE_ACCOUNT": workload.account,
        "LABELS": _compact(sidecar.labels),
        "TRUST_DOMAIN": mesh.trust_domain,
        "CITADEL_BOOTSTRAP": mesh.citadel_bootstrap,
        "CITADEL_RENEWAL": mesh.citadel_renewal,
        "ROOT_CERT_FILE": ROOTS,
        "TOKEN_FILE": TOKEN,
        "PILOTS": ",".join(mesh.pilots),
        "GALLEY_URL": mesh.galley,
        **_galley_ca(mesh),
        "RUN_DIR": RUN,
        "ADMIN_ADDRESS": f"127.0.0.1:{proxy.admin_port.value}",
        "STATUS_ADDRESS": f"{BOTH}:{proxy.status_port.value}",
        "INSTANCE_IP": "auto",
        "INTERCEPTION_MODE": sidecar.capture.mode.value.value,
        **({"DNS_ADDRESSES": DNS} if sidecar.capture.dns.value else {}),
        "ENTRY_PORTS": _compact({each.name: each.number for each in workload.ports}),
        **_chosen("CONCURRENCY", proxy.concurrency),
        **_chosen("DRAIN_SECONDS", proxy.drain_seconds),
        "ENVOY_LOG_LEVEL": proxy.log_level.value,
        **_statistics(proxy),
        **({"PROXY_CONFIG": proxy.config.value} if proxy.config.value else {}),
        **({"HEALTH_PROBE": proxy.health.value} if proxy.health.value else {}),
    }
    return {f"AGENT_{key}": text for key, text in settings.items()}


def _chosen(name: str, said: Decision[int] | Decision[float]) -> dict[str, str]:
    """Return what somebody chose; else the mesh may, or the agent does."""
    return {} if said.because == DEFAULT else {name: f"{said.value:g}"}


def _galley_ca(mesh: Mesh) -> dict[str, str]:
    secured = mesh.galley.startswith("https:")
    return {"GALLEY_CA_FILE": mesh.galley_ca} if secured else {}


def _statistics(proxy: Proxy) -> dict[str, str]:
    named = {
        "prefixes": proxy.stats_prefixes.value,
        "suffixes": proxy.stats_suffixes.value,
        "regexps": proxy.stats_regexps.value,
    }
    said = {key: each for key, each in named.items() if each}
    return {"STATS_INCLUSION": _compact(said)} if said else {}


def _compact(value: Mapping[str, object]) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
