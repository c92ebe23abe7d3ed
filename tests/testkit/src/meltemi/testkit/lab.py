"""Workloads on machines of their own, each beside an Envoy that holds one mesh."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.ctl.lens.held import held
from meltemi.pilot.trace.static import bootstrap
from meltemi.testkit.captured import envoy
from meltemi.testkit.processes import Program

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from meltemi.ctl.lens.world import World
    from meltemi.identity.credential import Credential
    from meltemi.pilot.scope.proxy import Proxy
    from meltemi.testkit.namespaces import Machine

ECHO = "meltemi.testkit.echo"
AT_ONCE = 4
"""Programs that come up side by side."""


@dataclass(frozen=True)
class Lab:
    """The machines by name, and the folder with the mesh and the certificates."""

    machines: dict[str, Machine]
    folder: Path

    def application(
        self, name: str, services: Sequence[str], machine: str, module: str = ECHO
    ) -> Program:
        """Return what serves ``services`` (see `meltemi.testkit.echo`) on a machine."""
        at = self.machines[machine]
        argv = at.argv([*at.python(module), name, *services])
        port = int(services[-1].split(":")[1])

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((at.address, port)) == 0

        return Program(argv, lambda: at.call(answers), self.folder / f"{name}.log")

    def envoy(
        self, name: str, world: World, who: Proxy, shown: Credential | Path
    ) -> Program:
        """Return the Envoy of the machine ``name``, holding what ``who`` would hold.

        Its secrets are ``shown``, or what is served on the socket there.
        """
        folder = self.folder / name
        folder.mkdir()
        made = bootstrap(held(world.index, who.group).envoy, who.node_id)
        return envoy(self.machines[name], made, shown, folder)


def start(programs: Iterable[Program], stack: contextlib.ExitStack) -> None:
    """Start programs, a few at a time; they end with ``stack``."""
    several = list(programs)
    for each in several:
        stack.callback(each.kill)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda each: each.start(), several))
