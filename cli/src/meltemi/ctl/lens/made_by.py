"""``meltemi explain proxy/NAME``: which objects made one of a proxy's resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from meltemi.ctl.lens.held import held
from meltemi.ctl.lens.proxies import named
from meltemi.ctl.lens.running import spelled_or_running
from meltemi.ctl.lens.trace import where
from meltemi.pilot import ir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from meltemi.ctl.lens.held import Held
    from meltemi.ctl.lens.world import World

PATCH = "patch"
KINDS = ("cluster", "route", "listener", PATCH)
WORDS = 3
Part = tuple[str, ir.Origins]


def explain_resource(
    words: Sequence[str], filename: Sequence[str], namespace: str, state: Path
) -> None:
    """Print what made the resource that ``words`` name: proxy/X KIND NAME.

    Raises:
        typer.BadParameter: If they name none.

    """
    if len(words) != WORDS or words[1] not in KINDS:
        raise typer.BadParameter(
            f"expected proxy/NAME {'|'.join(KINDS)} NAME, found {words}"
        )
    proxy, kind, name = words[0].removeprefix("proxy/"), words[1], words[2]
    world = spelled_or_running(filename, state=state, namespace=namespace)
    found = held(world.index, named(world, proxy).group)
    if kind == PATCH:
        _explain_patches(world, found, name)
        return
    made = found.made
    known = {each for each, _ in _parts(made, kind, None)}
    if name not in known:
        raise typer.BadParameter(
            f"{proxy} has no {kind} {name!r}: {', '.join(sorted(known))}"
        )
    for title, origins in _parts(made, kind, name):
        typer.echo(title)
        for origin in origins:
            typer.echo(f"    {where(world, origin)}")


def _explain_patches(world: World, found: Held, name: str) -> None:
    """Print how often each change of the EnvoyFilter NAMESPACE/NAME met something."""
    counts = {
        origin: count
        for origin, count in found.sent.matches.items()
        if f"{origin.namespace}/{origin.name}" == name
    }
    if not counts:
        known = {f"{each.namespace}/{each.name}" for each in found.sent.matches}
        raise typer.BadParameter(
            f"no EnvoyFilter {name!r} is for this proxy: {', '.join(sorted(known))}"
        )
    for origin, count in counts.items():
        problem = found.sent.unmade.get(origin)
        told = f"not made: {problem}" if problem else f"matches {count}"
        typer.echo(f"{where(world, origin)}: {told}")


def _parts(made: ir.Resources, kind: str, name: str | None) -> Iterator[Part]:
    """Yield each resource of a kind; of the one called ``name`` its parts, too."""
    several: dict[str, Sequence[ir.Cluster | ir.Listener | ir.RouteTable]] = {
        "cluster": made.clusters,
        "listener": made.listeners,
        "route": made.routes,
    }
    for each in several[kind]:
        if name is None:
            yield each.name, each.origins
        elif name == each.name:
            yield each.name, () if isinstance(each, ir.RouteTable) else each.origins
            yield from _inside(each)


def _inside(whole: ir.Cluster | ir.Listener | ir.RouteTable) -> Iterator[Part]:
    match whole:
        case ir.Listener():
            yield from _chains(whole)
        case ir.RouteTable():
            yield from _routes(whole)
        case _:
            return


def _chains(listener: ir.Listener) -> Iterator[Part]:
    for chain in listener.chains:
        yield f"  chain {chain.name or '(unnamed)'}", chain.origins


def _routes(table: ir.RouteTable) -> Iterator[Part]:
    for host in table.hosts:
        for number, route in enumerate(host.routes):
            yield f"  {host.name} route {number} {route.name}".rstrip(), route.origins
