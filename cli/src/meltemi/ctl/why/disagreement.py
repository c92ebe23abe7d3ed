"""Which objects let a caller speak plain text to a server that demands mutual TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.peer_authentication import MutualTLSMode
from meltemi.config.schema.traffic_policy import ClientTLSMode
from meltemi.ctl.lens.proxies import UnknownProxyError, named
from meltemi.ctl.why.refusal import Refusal
from meltemi.pilot.scope.authentication import ruling
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.translate.policy import effective

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.destination_rule import DestinationRule
    from meltemi.config.schema.message import Message
    from meltemi.ctl.lens.world import World
    from meltemi.ctl.why.hop import Hop
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope


def disagreement(world: World, hop: Hop, server: Hop) -> Refusal:
    """Return why ``server`` took no connection of ``hop``, with the objects to name.

    They are those of ``world``: what changed since the request is not seen.
    """
    caller, called = _group(world, hop.proxy), _group(world, server.proxy)
    seen = scope(world.index, caller) if caller else None
    port = _port(seen, hop) if seen else 0
    return Refusal(
        server,
        policy=_policy(world, called, port) if called else "",
        rule=_rule(seen, hop) if seen else "",
    )


def _group(world: World, name: str) -> ProxyClass | None:
    try:
        return named(world, name).group
    except UnknownProxyError:
        return None


def _port(seen: Scope, hop: Hop) -> int:
    """Return where the workload itself listens; 0 where nobody knows."""
    number, _, host = hop.cluster
    service = seen.services.get(host)
    ports = service.ports if service else ()
    found = [each for each in ports if str(each.number) == number]
    return found[0].target or found[0].number if found else 0


def _policy(world: World, called: ProxyClass, port: int) -> str:
    mode, whose = ruling(
        world.index.peer_authentications,
        root_namespace=world.index.config.root_namespace,
        namespace=called.namespace,
        labels=called.label_map,
        port=port,
    )
    return _name(whose) if whose and mode is MutualTLSMode.STRICT else ""


def _rule(seen: Scope, hop: Hop) -> str:
    number, subset, host = hop.cluster
    merged = seen.rules.get(host)
    for each in merged.sources if merged else ():
        if _is_plain(each.spec, subset, int(number)):
            return _name(each)
    return ""


def _is_plain(rule: DestinationRule, subset: str, port: int) -> bool:
    chosen = next((each for each in rule.subsets if each.name == subset), None)
    tls = effective(rule, chosen, port).tls
    return tls is not None and tls.mode in (None, ClientTLSMode.DISABLE)


def _name(found: Resource[Message]) -> str:
    return f"{found.key.kind}/{found.metadata.namespace}/{found.metadata.name}"
