"""The demo's parts in pods, where nothing tells an application of its proxy. Pure.

::

    parts, as they run without capture ─┐
    layout ─────────────────────────────┼──▶ in_pods() ──▶ parts
    who owns the namespaces ────────────┘
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meltemi.ctl.local.demo import GATEWAY, SERVICE_PORT, WORKLOADS
from meltemi.ctl.local.part import Part, Stage
from meltemi.ctl.local.pods.network import MARK, Door, Network, addresses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from meltemi.ctl.local.layout import Layout, Tools

PODS: Final = "pods"
"""The part behind all of them, and the name of its port."""
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - every address of a pod, which is few
OUTWARD: Final = ("galley", "citadel.bootstrap", "citadel.renewal")
"""What a pod reaches at the port it has on the machine, beside Pilots."""
DNS: Final = "127.0.0.1:15053"
KINDS: Final = ("admin", "status")
FOUND: Final = ("_SERVICE_HOST", "_SERVICE_PORT")


def folder(layout: Layout) -> Path:
    """Return where the pods' files are."""
    return layout.state / PODS


def network_file(layout: Layout) -> Path:
    """Return where the process behind the pods is told of them."""
    return folder(layout) / "network.json"


def nets_file(layout: Layout) -> Path:
    """Return where it tells how a pod is entered."""
    return folder(layout) / "nets.json"


def pod_names() -> tuple[str, ...]:
    """Return the demo's pods, in the order of their addresses."""
    return (*(each.name for each in WORKLOADS), GATEWAY)


def network(layout: Layout, pilots: Iterable[str], *, rootless: bool) -> Network:
    """Return the pods of the demo, and the doors in and out."""
    return Network(
        pods=pod_names(),
        captured=tuple(each.name for each in WORKLOADS),
        inward=tuple(_inward(layout.ports)),
        outward=outward_ports(layout, pilots),
        rootless=rootless,
        nets=str(nets_file(layout)),
        ready=layout.ports[PODS],
    )


def outward_ports(layout: Layout, pilots: Iterable[str]) -> tuple[int, ...]:
    """Return what a pod reaches of the control plane, at the ports of the machine."""
    names = (*OUTWARD, *(f"{pilot}.xds-tls" for pilot in pilots))
    return tuple(layout.ports[name] for name in names)


def _inward(ports: Mapping[str, int]) -> Iterable[Door]:
    for each in WORKLOADS:
        yield Door(ports[f"{each.name}.app"], each.name, SERVICE_PORT)
    yield Door(ports[GATEWAY], GATEWAY, ports[GATEWAY])
    for pod in pod_names():
        for kind in KINDS:
            port = ports[f"{pod}.{kind}"]
            yield Door(port, pod, port)


def in_pods(
    parts: Iterable[Part], layout: Layout, tools: Tools, owner: str
) -> tuple[Part, ...]:
    """Return ``parts`` with those of the demo in pods, and the part behind them.

    ``owner`` says whose the namespaces are, for people.
    """
    pods = Part(
        name=PODS,
        argv=(tools.python, "-m", "meltemi.ctl.local.pods", str(network_file(layout))),
        environ={},
        addresses={},
        ready=f"tcp://127.0.0.1:{layout.ports[PODS]}",
        version=owner,
        stage=Stage.NETWORK,
    )
    found = addresses(pod_names())
    return (pods, *(_moved(part, layout, tools, found) for part in parts))


def _moved(part: Part, layout: Layout, tools: Tools, found: Mapping[str, str]) -> Part:
    name = part.name.removesuffix("-app")
    if name not in found:
        return part
    application = part.name != name
    enter = (tools.python, "-m", "meltemi.ctl.local.pods.enter")
    words = (str(nets_file(layout)), name, *(("--names",) if application else ()))
    environ = (
        _application(part.environ)
        if application
        else _proxy(part.environ, layout, found[name], captured=name != GATEWAY)
    )
    return replace(
        part, argv=(*enter, *words, "--", *part.argv), environ=environ, pod=name
    )


def _application(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of an application that calls ``http://reviews:9080``."""
    kept = {k: v for k, v in environ.items() if not k.endswith(FOUND)}
    return {**kept, "PORT": str(SERVICE_PORT), "LISTEN_HOST": EVERYWHERE}


def _proxy(
    environ: Mapping[str, str], layout: Layout, address: str, *, captured: bool
) -> dict[str, str]:
    common = {
        **environ,
        "AGENT_INSTANCE_IP": address,
        "AGENT_PROXY_MARK": str(MARK),
        "AGENT_DNS_RESOLV_CONF": str(folder(layout) / "resolv.conf"),
    }
    if not captured:
        return common
    del common["AGENT_EXPLICIT"]
    return {
        **common,
        "AGENT_INTERCEPTION_MODE": "REDIRECT",
        "AGENT_DNS_ADDRESSES": DNS,
        "AGENT_ENTRY_PORTS": json.dumps({"http": SERVICE_PORT}),
    }
