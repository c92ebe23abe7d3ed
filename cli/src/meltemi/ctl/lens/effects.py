"""``meltemi diff --proxies``: what would change on which proxies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from meltemi.ctl.lens.held import held
from meltemi.ctl.lens.proxies import proxies
from meltemi.ctl.lens.world import changed_by
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.ctl.lens.world import World
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.snapshot import Snapshot


@dataclass(frozen=True, slots=True, order=True)
class Effect:
    """One resource of one proxy that would be added, changed or removed.

    ``drains`` says that it is a listener whose old connections Envoy would let end.
    """

    proxy: str
    what: str
    type: str
    name: str

    @property
    def drains(self) -> bool:
        """Whether it is a listener that is there already."""
        return self.type == TypeUrl.LISTENER.short and self.what != "added"


def show_effects(then: World, changed: Sequence[Resource[Message]]) -> bool:
    """Print what ``changed`` would do over ``then``; tell whether it is anything."""
    now = changed_by(then, changed)
    found = sorted(effects(then, now))
    for each in found:
        note = ", its connections drain" if each.drains else ""
        typer.echo(f"{each.proxy}: {each.type} {each.name} {each.what}{note}")
    hit = len({each.proxy for each in found})
    typer.echo(f"{hit} of {len(_proxies(now))} proxies would change")
    return bool(found)


def effects(then: World, now: World) -> Iterator[Effect]:
    """Yield what differs between two meshes, on the proxies that both have."""
    old, new = _proxies(then), _proxies(now)
    for name in sorted(old.keys() & new.keys()):
        before = held(then.index, old[name]).sent
        after = held(now.index, new[name]).sent
        yield from _differences(name, before, after)


def _proxies(world: World) -> dict[str, ProxyClass]:
    return {each.name: each.group for each in proxies(world)}


def _differences(proxy: str, before: Snapshot, after: Snapshot) -> Iterator[Effect]:
    for kind in TypeUrl:
        old, new = before.versions[kind], after.versions[kind]
        for name in old.keys() | new.keys():
            if old.get(name) == new.get(name):
                continue
            what = "changed" if name in new else "removed"
            yield Effect(proxy, what if name in old else "added", kind.short, name)
