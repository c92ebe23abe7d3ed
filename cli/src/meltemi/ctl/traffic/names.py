"""What the workload of a log is called elsewhere: in ``stat``, ``edges``, ``ps``."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meltemi.ctl.lens.proxies import gateway, proxies
from meltemi.ctl.local.demo import GATEWAY
from meltemi.ctl.output import DEFAULT_NAMESPACE
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.translate.telemetry.metric_tag import peer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.ctl.lens.world import World
    from meltemi.pilot.scope.proxy import Proxy

Names = dict[str, set[str]]
"""By the name of a log, which is that of a proxy without its namespace."""


def names_in(world: World | None) -> Names:
    """Return the names of the proxies of ``world``; none where nobody shows it."""
    found: Names = defaultdict(set)
    for each in _every(world) if world else ():
        tags = dict(peer(scope(world.index, each.group))) if world else {}
        found[each.name.rpartition(".")[0]] |= {each.name, *_counted(tags)}
    return dict(found)


def goes_by(proxy: str, wanted: str, names: Mapping[str, set[str]]) -> bool:
    """Tell whether the log of ``proxy`` is that of the workload ``wanted``."""
    usual = {f"{proxy}.{DEFAULT_NAMESPACE}"}
    return wanted in ("", proxy) or wanted in names.get(proxy, usual)


def _every(world: World) -> Iterator[Proxy]:
    """Yield all proxies: a bug report tells of a gateway nothing but its log."""
    known = list(proxies(world))
    yield from known
    if not any(each.name.startswith(f"{GATEWAY}.") for each in known):
        yield gateway(world, GATEWAY, {})


def _counted(tags: Mapping[str, str]) -> tuple[str, str]:
    """Return a workload's names in what is counted of it."""
    workload, namespace = tags["workload"], tags["namespace"]
    return workload, f"{workload}.{namespace}"
