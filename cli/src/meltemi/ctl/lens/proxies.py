"""The proxies that a mesh's workloads have, from what is written about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from meltemi.ctl.lens.workload import workloads
from meltemi.kernel.errors import Blame, MeshError
from meltemi.pilot.scope.proxy import Proxy, proxy
from meltemi.xds.modules import FETCHES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.ctl.lens.world import World
    from meltemi.pilot.model.service import Instance

GATEWAY_LABELS = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
GATEWAY_ADDRESS = "127.0.0.1"


class UnknownProxyError(MeshError):
    """Nothing in the configuration describes a workload of that name."""

    code = "lens.unknown-proxy"
    blame = Blame.CALLER


def named(world: World, name: str) -> Proxy:
    """Return the proxy called ``name``: a node id, ``NAME.NAMESPACE`` or ``NAME``.

    Raises:
        UnknownProxyError: If no workload is called that, or several are.
        InvalidNodeError: If it is a node id that says too little.

    """
    if "~" in name:
        return proxy(name, {})
    known = {each.name: each for each in proxies(world)}
    found = [known[each] for each in known if name in (each, each.rpartition(".")[0])]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(known)) or "none, as no WorkloadEntry is there"
    raise UnknownProxyError(
        f"{name!r} is {'several workloads' if found else 'no workload'}: "
        f"expected one of {names}"
    )


def proxies(world: World) -> Iterator[Proxy]:
    """Yield those that are known, and one for each other workload."""
    yield from world.nodes.values()
    for each in workloads(world):
        if f"{each.name}.{each.namespace}" not in world.nodes:
            yield sidecar(world, each)


def sidecar(world: World, workload: Instance) -> Proxy:
    """Return the sidecar that ``workload`` has: a captured one if none is known."""
    known = world.nodes.get(f"{workload.name}.{workload.namespace}")
    if known is not None:
        return known
    metadata: dict[str, object] = {
        "LABELS": dict(workload.labels),
        "SERVICE_ACCOUNT": account(workload),
        "NETWORK": workload.network,
        "INSTANCE_IPS": list(workload.addresses),
        FETCHES: True,
    }
    where = f"{workload.name}.{workload.namespace}"
    domain = f"{workload.namespace}.svc.{world.index.config.domain_suffix}"
    node = f"sidecar~{workload.address}~{where}~{domain}"
    return proxy(node, metadata, workload.locality)


def gateway(world: World, name: str, labels: Mapping[str, str]) -> Proxy:
    """Return the gateway ``NAME.NAMESPACE``: with ``labels`` if none is known."""
    title, _, namespace = name.partition(".")
    namespace = namespace or world.index.config.root_namespace
    known = world.nodes.get(f"{title}.{namespace}")
    if known is not None and not labels:
        return known
    domain = f"{namespace}.svc.{world.index.config.domain_suffix}"
    node = f"router~{GATEWAY_ADDRESS}~{title}.{namespace}~{domain}"
    made: dict[str, object] = {"LABELS": dict(labels or GATEWAY_LABELS), FETCHES: True}
    return proxy(node, made)


def labels(words: list[str]) -> dict[str, str]:
    """Return the labels that ``NAME=VALUE`` words spell.

    Raises:
        typer.BadParameter: If a word is none.

    """
    pairs = [word.partition("=") for word in words]
    wrong = [name for name, equals, _ in pairs if not (name and equals)]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is not NAME=VALUE")
    return {name: value for name, _, value in pairs}


def account(workload: Instance) -> str:
    """Return the service account's name, however the entry spells it."""
    return workload.service_account.rpartition("/")[2]
