"""One service becomes three: who holds the network, the proxy, the application.

::

    web ──▶ web-pod    owns the network namespace, sets the rules, and sleeps
            web-proxy  agent and Envoy, in that namespace, without any privilege
            web        in that namespace, once the proxy is ready
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meltemi.injector.agent import (
    GALLEY_CA,
    READY,
    ROOTS,
    RUN,
    TOKEN,
    Mesh,
    agent_environ,
)
from meltemi.injector.capture_words import capture_words
from meltemi.injector.compose.value import Services, Value, Word, value_of
from meltemi.injector.compose.variable import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.injector.sidecar import Sidecar

MOVED: Final = (
    *("hostname", "domainname", "networks", "ports", "expose", "links"),
    *("external_links", "extra_hosts", "dns", "dns_search", "dns_opt", "mac_address"),
)
"""What belongs to the network namespace, and so to who holds it."""
HELD: Final = "/run/captured"
PROXY_USER: Final = "1337:1337"
STOP_MARGIN: Final = 10
"""Seconds that ending takes beside draining."""
HEALTH: Final = (
    "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}{path}', timeout=2)"
)
PUBLISHED: Final = re.compile(r"(?:.*:)?([^:]+):[^:]+")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the three run.

    Attributes:
        mesh: How they reach the mesh.
        network: The network that the mesh is on; empty: none but their own.
        tokens: The folder of their tokens, as the compose file names it.

    """

    mesh: Mesh = field(default_factory=Mesh)
    network: str = "meltemi"
    tokens: str = "./tokens"


@dataclass(frozen=True, slots=True)
class Instance:
    """One replica of a service.

    Attributes:
        service: The service's key in the file.
        name: The replica's own.
        called: As a workload of the mesh.
        is_first: Of the replicas.

    """

    service: str
    name: str
    called: str
    is_first: bool = True

    @property
    def pod(self) -> str:
        """Who holds the network."""
        return f"{self.name}-pod"

    @property
    def proxy(self) -> str:
        """Agent and Envoy."""
        return f"{self.name}-proxy"

    @property
    def state(self) -> str:
        """The volume of what the agent has to know when it is started again.

        That is its certificate, which buys the next one however old its token is, and
        the last configuration.
        """
        return f"{self.proxy}-state"


def pod_of(
    instance: Instance, service: Mapping[str, Value], sidecar: Sidecar, site: Site
) -> Services:
    """Return the three services that ``service`` becomes."""
    return {
        instance.name: _application(instance, service, sidecar),
        instance.pod: _holder(instance, service, sidecar, site),
        instance.proxy: _proxy(instance, service, sidecar, site),
    }


def _application(
    instance: Instance, service: Mapping[str, Value], sidecar: Sidecar
) -> dict[str, Value]:
    kept = {key: each for key, each in service.items() if key not in MOVED}
    _, own = _sysctls(service.get("sysctls"))
    kept.pop("sysctls", None)
    kept.pop("scale", None)
    if own:
        kept["sysctls"] = own
    deploy = kept.get("deploy")
    if isinstance(deploy, dict) and sidecar.workload.replicas > 1:
        kept["deploy"] = {k: v for k, v in deploy.items() if k != "replicas"}
    if not kept.get("deploy", True):
        del kept["deploy"]
    kept["network_mode"] = Word(f"service:{instance.pod}")
    kept["depends_on"] = {
        **conditions(service.get("depends_on")),
        **waiting_for(instance, sidecar),
    }
    return kept


def waiting_for(instance: Instance, sidecar: Sidecar) -> dict[str, Value]:
    """Return what waits for the network of ``instance``: its rules, and its proxy.

    The proxy is started once the rules are set, so who waits for its start waits for
    them as well.
    """
    condition = "service_healthy" if sidecar.proxy.hold.value else "service_started"
    return {instance.proxy: value_of({"condition": condition})}


def conditions(depends_on: Value | None) -> dict[str, Value]:
    """Return ``depends_on`` in its long form."""
    if isinstance(depends_on, dict):
        return dict(depends_on)
    names = depends_on if isinstance(depends_on, list) else []
    return {str(each): value_of({"condition": "service_started"}) for each in names}


def _holder(
    instance: Instance, service: Mapping[str, Value], sidecar: Sidecar, site: Site
) -> dict[str, Value]:
    words = ["capture", "hold", f"--ready-file={HELD}"]
    plain = {
        "image": sidecar.proxy.image.value,
        "entrypoint": ["meltemi"],
        "command": [*words, *capture_words(sidecar.capture)],
        "user": "0:0",
        "init": True,
        "read_only": True,
        "tmpfs": ["/run", "/tmp"],  # noqa: S108 - of a container of its own
        "cap_drop": ["ALL"],
        "cap_add": ["NET_ADMIN"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
        "healthcheck": _check(["CMD", "test", "-f", HELD]),
        **_profiles(service),
    }
    made = _dict(value_of(plain))
    made |= {key: service[key] for key in MOVED if key in service}
    if "ports" in service and not instance.is_first:
        made["ports"] = _unpublished(service["ports"])
        if not made["ports"]:
            del made["ports"]
    made["networks"] = _networks(instance, service, site.network)
    of_network, _ = _sysctls(service.get("sysctls"))
    if of_network:
        made["sysctls"] = of_network
    return made


def _proxy(
    instance: Instance, service: Mapping[str, Value], sidecar: Sidecar, site: Site
) -> dict[str, Value]:
    proxy = sidecar.proxy
    ask = HEALTH.format(port=proxy.status_port.value, path=READY)
    folder = site.tokens.rstrip("/")
    ends = round(proxy.drain_seconds.value + STOP_MARGIN)
    plain = {
        "image": proxy.image.value,
        "entrypoint": ["python", "-m", "meltemi.proxy"],
        "user": PROXY_USER,
        "network_mode": f"service:{instance.pod}",
        "depends_on": {instance.pod: {"condition": "service_healthy"}},
        "environment": {
            key: text.replace("$", "$$")
            for key, text in agent_environ(sidecar, site.mesh, instance.called).items()
        },
        "volumes": [
            _mount(f"{folder}/{instance.name}.token", TOKEN),
            _mount(f"{folder}/roots.pem", ROOTS),
            *_own_authority(folder, site.mesh),
            {"type": "volume", "source": instance.state, "target": RUN},
        ],
        "init": True,
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - of a container of its own
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
        "stop_grace_period": f"{ends}s",
        "healthcheck": _check(["CMD", "python", "-c", ask]),
        **_resources(sidecar),
        **_profiles(service),
    }
    return _dict(value_of(plain))


def _check(test: list[str]) -> dict[str, object]:
    return {"test": test, "interval": "5s", "timeout": "5s", "retries": 40}


def _mount(source: str, target: str) -> dict[str, object]:
    """Return a mount that fails where there is nothing; the short form makes it."""
    return {"type": "bind", "source": source, "target": target, "read_only": True}


def _own_authority(folder: str, mesh: Mesh) -> list[dict[str, object]]:
    if mesh.galley_ca != GALLEY_CA:
        return []
    return [_mount(f"{folder}/galley.pem", GALLEY_CA)]


def _profiles(service: Mapping[str, Value]) -> dict[str, Value]:
    return {"profiles": service["profiles"]} if "profiles" in service else {}


def _networks(
    instance: Instance, service: Mapping[str, Value], extra: str
) -> dict[str, Value]:
    """Return the networks, by the service's names in each, and the mesh's.

    The application's container keeps its own name, and is on no network by itself.
    """
    networks, container = service.get("networks"), service.get("container_name")
    names = [instance.service, instance.name, *([str(container)] if container else [])]
    if isinstance(networks, list):
        given: dict[str, Value] = {str(each): {} for each in networks}
    elif isinstance(networks, dict) and networks:
        given = dict(networks)
    else:
        given = {"default": {}}
    made: dict[str, Value] = {}
    for name, each in given.items():
        terms = dict(each) if isinstance(each, dict) else {}
        if not instance.is_first:
            for fixed in ("ipv4_address", "ipv6_address", "mac_address"):
                terms.pop(fixed, None)
        own = terms.get("aliases")
        aliases = list(own) if isinstance(own, list) else []
        for alias in names:
            if alias not in map(str, aliases):
                aliases.append(Word(alias))
        made[name] = {**terms, "aliases": aliases}
    if extra and extra not in made:
        made[extra] = {}
    return made


def _sysctls(value: Value | None) -> tuple[Value, Value]:
    """Return those of the network, and the others."""
    if isinstance(value, list):
        net = [each for each in value if str(each).startswith("net.")]
        return net, [each for each in value if each not in net]
    if isinstance(value, dict):
        own = {key: each for key, each in value.items() if key.startswith("net.")}
        return own, {key: each for key, each in value.items() if key not in own}
    return {}, {}


def _unpublished(ports: Value) -> Value:
    """Return the ports without those that only one replica can have."""
    return [
        each
        for each in (ports if isinstance(ports, list) else [])
        if not is_fixed(each)
    ]


def is_fixed(port: Value) -> bool:
    """Tell whether ``port`` is published at one port of the machine."""
    if isinstance(port, dict):
        word = str(port.get("published", ""))
    else:
        match = PUBLISHED.fullmatch(masked(str(port)))
        word = match[1] if match else ""
    return word not in ("", "0") and "-" not in word


def _resources(sidecar: Sidecar) -> dict[str, object]:
    proxy = sidecar.proxy
    most = _amounts(proxy.cpu_limit.value, proxy.memory_limit.value)
    least = _amounts(proxy.cpu.value, proxy.memory.value)
    named = (("limits", most), ("reservations", least))
    found = {name: each for name, each in named if each}
    return {"deploy": {"resources": found}} if found else {}


def _amounts(cpu: str, memory: str) -> dict[str, object]:
    found: dict[str, object] = {}
    if cpu:
        cores = float(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)
        found["cpus"] = Word(f"{cores:g}")
    if memory:
        found["memory"] = Word(_bytes(memory))
    return found


def _bytes(quantity: str) -> str:
    """Return a quantity of memory in bytes, as Docker reads it."""
    units = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20}
    units |= {"Gi": 2**30, "Ti": 2**40}
    unit = quantity.lstrip("0123456789.")
    return f"{float(quantity.removesuffix(unit)) * units.get(unit, 1):.0f}b"


def _dict(value: Value) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise TypeError("a map was to be made")
    return value
