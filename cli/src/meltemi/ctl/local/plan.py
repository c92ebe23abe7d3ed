"""What runs, with which arguments, where. Pure: equal inputs, equal plan.

::

    ports ─┐
    folder ├──▶ plan() ──▶ parts, in the order they start
    tools ─┘
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.ctl.local.demo import (
    GATEWAY,
    NAMESPACE,
    SERVICE_PORT,
    SERVICES,
    WORKLOADS,
    host,
)
from meltemi.ctl.local.layout import LOOPBACK
from meltemi.ctl.local.part import Identity, Part, Stage
from meltemi.ctl.local.pods.plan import PODS
from meltemi.ctl.local.vault import VAULT, citadel_settings, vault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.ctl.local.demo import Workload
    from meltemi.ctl.local.layout import Layout, Tools

MESH = "default"
TRUST_DOMAIN = "cluster.local"
PILOTS = ("pilot-0", "pilot-1")
GATEWAY_NAMESPACE = "istio-system"
CONTROL_NAMESPACE = "istio-system"
THIS_MACHINE = "127.0.0.0/8,::1"
"""Token issuers and registries may run here, as all of the mesh does."""
FEW_WORKERS = '{"concurrency": 1}'
"""A laptop has many proxies; a ProxyConfig that selects one wins over this."""
DRAIN_SECONDS = "1"
"""Connections of a demo need no longer than that; Istio gives them 5 s."""


def port_names(
    *, demo: bool, with_vault: bool = False, in_pods: bool = False
) -> tuple[str, ...]:
    """Return the name of every port that a mesh needs."""
    names = ["etcd", "etcd.peer", "nats", "galley", "citadel"]
    names += ["citadel.bootstrap", "citadel.renewal"]
    doors = ("xds", "xds-tls", "http")
    names += [f"{pilot}.{door}" for pilot in PILOTS for door in doors]
    names += [VAULT] if with_vault else []
    names += [PODS] if in_pods else []
    if not demo:
        return tuple(names)
    names += [GATEWAY, f"{GATEWAY}.admin", f"{GATEWAY}.status"]
    for workload in WORKLOADS:
        kinds = ("app", "admin", "status", "inbound", *SERVICES)
        names += [f"{workload.name}.{kind}" for kind in kinds]
    return tuple(names)


def plan(
    layout: Layout,
    tools: Tools,
    *,
    demo: bool,
    config: str = "",
    vault_binary: str = "",
) -> tuple[Part, ...]:
    """Return every part, in the order of their stages.

    ``config`` is the folder that Galley keeps in force, and ``vault_binary`` the Vault
    server behind Citadel, if there is one.
    """
    parts = [etcd(layout, tools), nats(layout, tools)]
    signer: Mapping[str, str] = {}
    if vault_binary:
        parts.append(vault(layout, vault_binary))
        signer = citadel_settings(layout)
    if demo:
        parts += [application(layout, tools, each) for each in WORKLOADS]
    parts += [citadel(layout, tools, signer), galley(layout, tools, config)]
    parts += [pilot(layout, tools, name) for name in PILOTS]
    if demo:
        parts += [sidecar(layout, tools, each) for each in WORKLOADS]
        parts.append(gateway(layout, tools))
    return tuple(parts)


def etcd(layout: Layout, tools: Tools) -> Part:
    """Return the ledger."""
    client, peer = layout.at("etcd"), layout.at("etcd.peer")
    argv = (
        tools.etcd,
        f"--name={MESH}",
        f"--data-dir={layout.state / 'etcd'}",
        f"--listen-client-urls=http://{client}",
        f"--advertise-client-urls=http://{client}",
        f"--listen-peer-urls=http://{peer}",
        f"--initial-advertise-peer-urls=http://{peer}",
        f"--initial-cluster={MESH}=http://{peer}",
        f"--initial-cluster-token={layout.epoch}",
        "--experimental-watch-progress-notify-interval=5s",
        "--bcrypt-cost=4",  # the passwords are random, and nobody's to guess
        "--log-level=warn",
    )
    return Part(
        name="etcd",
        argv=argv,
        environ={},
        addresses={"client": client},
        ready=f"http://{client}/health",
        version=tools.versions["etcd"],
        stage=Stage.SERVERS,
    )


def nats(layout: Layout, tools: Tools) -> Part:
    """Return the doorbell."""
    return Part(
        name="nats",
        argv=(
            tools.nats,
            *("-a", LOOPBACK, "-p", str(layout.ports["nats"])),
            *("-c", str(layout.bus_configuration)),
        ),
        environ={},
        addresses={"client": layout.at("nats")},
        ready=f"tcp://{layout.at('nats')}",
        version=tools.versions["nats"],
        stage=Stage.SERVERS,
    )


def galley(layout: Layout, tools: Tools, config: str = "") -> Part:
    """Return the configuration service."""
    source = {"GALLEY_CONFIG_DIR": config} if config else {}
    environ = {
        "GALLEY_NAME": "galley",
        "GALLEY_MESH": MESH,
        "GALLEY_TRUST_DOMAIN": TRUST_DOMAIN,
        "GALLEY_HTTP_ADDRESS": layout.at("galley"),
        "GALLEY_ETCD_ENDPOINTS": layout.at("etcd"),
        "GALLEY_NATS_URL": layout.bus("galley"),
        "GALLEY_ETCD_USER": "galley",
        "GALLEY_ETCD_PASSWORD_FILE": str(layout.ledger_password("galley")),
        "GALLEY_ADMIN_TOKEN_FILE": str(layout.admin_token),
        "GALLEY_AUDIT_FILE": str(layout.audit),
        "GALLEY_TRUST_BUNDLE_FILE": str(layout.roots),
        "GALLEY_KEYS_ALLOWED_NETWORKS": THIS_MACHINE,
        "GALLEY_SECRETS_KEY_FILE": str(layout.sealing_key),
        "GALLEY_JOINING_CITADEL_BOOTSTRAP": layout.at("citadel.bootstrap"),
        "GALLEY_JOINING_CITADEL_RENEWAL": layout.at("citadel.renewal"),
        "GALLEY_JOINING_PILOTS": _pilots(layout),
        **source,
    }
    return _service("galley", tools, environ, {"http": layout.at("galley")})


def citadel(layout: Layout, tools: Tools, signer: Mapping[str, str]) -> Part:
    """Return the certificate authority; ``signer`` are settings of who signs."""
    addresses = {
        "http": layout.at("citadel"),
        "bootstrap": layout.at("citadel.bootstrap"),
        "renewal": layout.at("citadel.renewal"),
    }
    environ = {
        "CITADEL_NAME": "citadel",
        "CITADEL_MESH": MESH,
        "CITADEL_TRUST_DOMAIN": TRUST_DOMAIN,
        "CITADEL_HTTP_ADDRESS": addresses["http"],
        "CITADEL_BOOTSTRAP_ADDRESS": addresses["bootstrap"],
        "CITADEL_RENEWAL_ADDRESS": addresses["renewal"],
        "CITADEL_ETCD_ENDPOINTS": layout.at("etcd"),
        "CITADEL_STATE_DIR": str(layout.state / "citadel"),
        "CITADEL_ADMIN_TOKEN_FILE": str(layout.admin_token),
        "CITADEL_AUDIT_FILE": str(layout.state / "citadel" / "audit.jsonl"),
        "CITADEL_NATS_URL": layout.bus("citadel"),
        "CITADEL_ETCD_USER": "citadel",
        "CITADEL_ETCD_PASSWORD_FILE": str(layout.ledger_password("citadel")),
        **signer,
    }
    part = _service("citadel", tools, environ, addresses)
    return replace(part, stage=Stage.AUTHORITY)


def pilot(layout: Layout, tools: Tools, name: str) -> Part:
    """Return one of the Pilots."""
    kinds = ("http", "xds", "xds-tls")
    addresses = {kind: layout.at(f"{name}.{kind}") for kind in kinds}
    environ = {
        "PILOT_NAME": name,
        "PILOT_MESH": MESH,
        "PILOT_TRUST_DOMAIN": TRUST_DOMAIN,
        "PILOT_SECRETS_KEY_FILE": str(layout.sealing_key),
        "PILOT_HTTP_ADDRESS": addresses["http"],
        "PILOT_XDS_ADDRESS": addresses["xds"],
        "PILOT_ETCD_ENDPOINTS": layout.at("etcd"),
        "PILOT_NATS_URL": layout.bus("pilot"),
        "PILOT_ETCD_USER": "pilot",
        "PILOT_ETCD_PASSWORD_FILE": str(layout.ledger_password("pilot")),
        "PILOT_ACCESS_LOG_FILE": "/dev/stdout",
        "PILOT_METRICS_PROVIDER": "prometheus",
        "PILOT_FEATURES": json.dumps({"tap": True}),
        "PILOT_XDS_TLS_ADDRESS": addresses["xds-tls"],
        "PILOT_CITADEL_BOOTSTRAP": layout.at("citadel.bootstrap"),
        "PILOT_CITADEL_RENEWAL": layout.at("citadel.renewal"),
        "PILOT_ROOT_CERT_FILE": str(layout.roots),
        "PILOT_TOKEN_FILE": str(layout.token(name)),
        "PILOT_RUN_DIR": str(layout.run(name)),
    }
    part = _service(name, tools, environ, addresses)
    return replace(part, identity=Identity(CONTROL_NAMESPACE, "pilot"))


def _pilots(layout: Layout) -> str:
    return ",".join(layout.at(f"{pilot}.xds-tls") for pilot in PILOTS)


def _service(
    name: str, tools: Tools, environ: Mapping[str, str], addresses: Mapping[str, str]
) -> Part:
    module = name.partition("-")[0]
    return Part(
        name=name,
        argv=(tools.python, "-m", f"meltemi.{module}"),
        environ={**environ},
        addresses=addresses,
        ready=f"http://{addresses['http']}/readyz",
        version=tools.versions["meltemi"],
        stage=Stage.SERVICES,
    )


def application(layout: Layout, tools: Tools, workload: Workload) -> Part:
    """Return an application: it finds other services at its own sidecar."""
    name, address = workload.name, layout.at(f"{workload.name}.app")
    environ = {
        "PORT": str(layout.ports[f"{name}.app"]),
        "SERVICE_VERSION": workload.version,
        **dict(_found_at(layout, name)),
    }
    return Part(
        name=f"{name}-app",
        argv=(tools.python, "-m", f"meltemi.ctl.demo.{workload.app}"),
        environ=environ,
        addresses={"http": address},
        ready=f"http://{address}/health",
        version=workload.version,
        stage=Stage.SERVERS,
    )


def _found_at(layout: Layout, name: str) -> Iterator[tuple[str, str]]:
    for service in SERVICES:
        yield f"{service.upper()}_SERVICE_HOST", LOOPBACK
        port = layout.ports[f"{name}.{service}"]
        yield f"{service.upper()}_SERVICE_PORT", str(port)


def sidecar(layout: Layout, tools: Tools, workload: Workload) -> Part:
    """Return an application's agent and Envoy."""
    name = workload.name
    inbound = f"{name}.inbound"
    explicit = {
        "inbound": layout.at(inbound),
        "apps": {str(SERVICE_PORT): layout.at(f"{name}.app")},
        "outbound": {
            f"{host(service)}:{SERVICE_PORT}": layout.at(f"{name}.{service}")
            for service in SERVICES
        },
    }
    environ = {
        "AGENT_LABELS": json.dumps({"app": workload.app, "version": workload.version}),
        "AGENT_PROXY_TYPE": "sidecar",
        "AGENT_EXPLICIT": json.dumps(explicit),
        "AGENT_ENTRY_PORTS": json.dumps({"http": layout.ports[inbound]}),
        "AGENT_GALLEY_URL": f"http://{layout.at('galley')}",
    }
    identity = Identity(NAMESPACE, workload.service_account)
    return _proxy(name, identity, layout, tools, environ)


def gateway(layout: Layout, tools: Tools) -> Part:
    """Return the ingress gateway: an agent, an Envoy, and no application.

    Its identity and labels are those of Istio's ingress gateway, which users'
    Gateways and AuthorizationPolicies name.
    """
    labels = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
    environ = {
        "AGENT_LABELS": json.dumps(labels),
        "AGENT_PROXY_TYPE": "router",
        "AGENT_EXPLICIT": json.dumps({"gateway": {"80": layout.at(GATEWAY)}}),
    }
    identity = Identity(GATEWAY_NAMESPACE, "istio-ingressgateway-service-account")
    part = _proxy(GATEWAY, identity, layout, tools, environ)
    return replace(part, addresses={"http": layout.at(GATEWAY), **part.addresses})


def _proxy(
    name: str,
    identity: Identity,
    layout: Layout,
    tools: Tools,
    environ: Mapping[str, str],
) -> Part:
    admin, status = layout.at(f"{name}.admin"), layout.at(f"{name}.status")
    common = {
        "AGENT_NAME": name,
        "AGENT_NAMESPACE": identity.namespace,
        "AGENT_SERVICE_ACCOUNT": identity.service_account,
        "AGENT_TRUST_DOMAIN": TRUST_DOMAIN,
        "AGENT_CITADEL_BOOTSTRAP": layout.at("citadel.bootstrap"),
        "AGENT_CITADEL_RENEWAL": layout.at("citadel.renewal"),
        "AGENT_ROOT_CERT_FILE": str(layout.roots),
        "AGENT_TOKEN_FILE": str(layout.token(name)),
        "AGENT_PILOTS": _pilots(layout),
        "AGENT_RUN_DIR": str(layout.run(name)),
        "AGENT_ADMIN_ADDRESS": admin,
        "AGENT_STATUS_ADDRESS": status,
        "AGENT_PROXY_CONFIG": FEW_WORKERS,
        "AGENT_DRAIN_SECONDS": DRAIN_SECONDS,
        "AGENT_EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true",
        "AGENT_MINIMUM_DRAIN_SECONDS": "0",
        "AGENT_WASM_ALLOWED_NETWORKS": THIS_MACHINE,
    }
    return Part(
        name=name,
        argv=(tools.python, "-m", "meltemi.proxy"),
        environ={**common, **environ},
        addresses={"admin": admin, "status": status},
        ready=f"http://{status}/healthz/ready",
        version=tools.versions["envoy"],
        stage=Stage.PROXIES,
        identity=identity,
    )
