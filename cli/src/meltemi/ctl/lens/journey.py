"""A call from one workload to another, through both of their proxies.

::

    caller's proxy: listener ─ chain ─ routes ─ host ─ route ─ cluster ─▶ endpoint
    its workload's proxy:      chain ─ handshake ─ policies ─ route ─ cluster
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meltemi.ctl.lens.address import (
    UnknownHostError,
    is_address,
    resolved,
    service,
)
from meltemi.ctl.lens.client_tls import client_tls
from meltemi.ctl.lens.held import held
from meltemi.ctl.lens.proxies import GATEWAY_ADDRESS, account, sidecar
from meltemi.pilot.scope.proxy import Bind, Role
from meltemi.pilot.trace import Call, Problem, Way, trace

if TYPE_CHECKING:
    from meltemi.ctl.lens.held import Held
    from meltemi.ctl.lens.world import World
    from meltemi.pilot.model.service import Instance
    from meltemi.pilot.scope.proxy import Proxy
    from meltemi.pilot.trace import Answer, Endpoint


@dataclass(frozen=True, slots=True)
class Visit:
    """What one proxy did."""

    proxy: str
    held: Held
    answer: Answer


@dataclass(frozen=True, slots=True)
class Journey:
    """What the caller's proxy did, then the proxy of each workload it may go to."""

    client: Visit
    servers: tuple[Visit, ...] = ()

    @property
    def problem(self) -> tuple[str, Problem] | None:
        """The proxy at which the call fails, and why; the first of several."""
        for visit in (self.client, *self.servers):
            if visit.answer.problem:
                return visit.proxy, visit.answer.problem
        return None


def travel(world: World, caller: Proxy, call: Call) -> Journey:
    """Return what becomes of ``call``: every endpoint of one cluster is alike.

    So the first healthy endpoint of each target stands for all.
    """
    here = held(world.index, caller.group)
    answer = trace(here.envoy, call)
    if not answer.problem and _ends_nowhere(here, answer):
        answer = replace(answer, problem=Problem.NO_ENDPOINT)
    client = Visit(caller.name, here, answer)
    if answer.problem:
        return Journey(client)
    servers = (
        _served(world, client, call, (target.cluster, endpoint), caller)
        for target in answer.targets
        if target.weight
        for endpoint in [each for each in target.endpoints if each.healthy][:1]
    )
    return Journey(client, tuple(each for each in servers if each))


def _ends_nowhere(here: Held, answer: Answer) -> bool:
    """Tell whether no cluster has an endpoint; one found by request is not known."""
    clusters = here.envoy.clusters
    return bool(answer.targets) and not any(
        each.endpoints
        or (
            each.cluster in clusters and clusters[each.cluster].HasField("cluster_type")
        )
        for each in answer.targets
        if each.weight
    )


def dialled(world: World, who: Proxy, call: Call) -> Call:
    """Return ``call``, which names a host, as it is made to or by the proxy ``who``.

    A captured client connects to the service's address; another one to where its own
    proxy listens for the service. A gateway is called from outside.

    Raises:
        UnknownHostError: If no service is called that, it lacks the port, or ``who`` is
            told of no way there.

    """
    explicit = who.group.explicit
    if who.group.role is Role.GATEWAY:
        bind = dict(explicit.gateway).get(call.port)
        at = bind or Bind(GATEWAY_ADDRESS, call.port)
        return replace(call, address=at.address, port=at.port)
    home = who.group.namespace
    if who.group.captured:
        address = resolved(world, call.address, call.port, home)
        return replace(call, address=address)
    asked = call.address
    if not is_address(asked):
        asked = service(world, asked, call.port, home).host
    bind = dict(explicit.outbound).get(f"{asked}:{call.port}")
    bind = bind or (explicit.http_proxy if call.http else None)
    if bind is None:
        known = ", ".join(each for each, _ in explicit.outbound) or "no service"
        raise UnknownHostError(
            f"{who.name} captures nothing, and is told no address for "
            f"{asked}:{call.port}: it knows {known}"
        )
    return replace(call, address=bind.address, port=bind.port)


def principal(world: World, caller: Proxy) -> str:
    """Return the SPIFFE id that the caller's certificate shows."""
    trust = world.index.config.trust_domain
    group = caller.group
    name = group.node.service_account or "default"
    return f"spiffe://{trust}/ns/{group.namespace}/sa/{name}"


def _served(
    world: World, client: Visit, call: Call, to: tuple[str, Endpoint], caller: Proxy
) -> Visit | None:
    cluster, endpoint = to
    workload = _workload(world, endpoint)
    if workload is None:
        return None
    tls = client_tls(
        client.held.envoy,
        cluster,
        endpoint,
        principal(world, caller),
        client.answer.protocols,
    )
    there = held(world.index, sidecar(world, workload).group)
    arriving = replace(
        call,
        address=endpoint.address,
        port=endpoint.port,
        way=Way.INBOUND,
        tls=tls,
        source=caller.node_id.split("~")[1],
        http=client.answer.passed,
    )
    name = f"{workload.name}.{workload.namespace}"
    return Visit(name, there, trace(there.envoy, arriving))


def _workload(world: World, endpoint: Endpoint) -> Instance | None:
    """Return whose endpoint it is; None when no workload of the mesh has it."""
    for one in world.index.services.all:
        for each in one.instances:
            if (
                each.name
                and account(each)
                and endpoint.address in each.addresses
                and endpoint.port == each.port
            ):
                return each
    return None
