"""Where a workload of this machine is: in a pod, if those of the local mesh are."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.ctl.local.layout import Layout
from meltemi.ctl.local.mesh import has_pods
from meltemi.ctl.local.plan import PILOTS
from meltemi.ctl.local.pods.guest import lodged
from meltemi.ctl.local.pods.plan import nets_file, outward_ports
from meltemi.ctl.local.record import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from meltemi.ctl.workload.wish import Wish


@contextlib.contextmanager
def housed(state: Path, url: str, wish: Wish, command: Sequence[str]) -> Iterator[Wish]:
    """Be where others of the mesh reach ``wish``, and yield it with its address.

    Workloads in pods reach nobody on the machine, nor are they reached from it, so who
    joins them goes there. An application that runs already, for no ``command`` starts
    it, is called through a door.

    Raises:
        NoPodError: If there is no pod to be had.

    """
    record = read_record(state)
    layout = Layout(state, record.ports, record.epoch) if record else None
    if record is None or layout is None or not has_pods(record):
        yield wish
        return
    if url != f"http://{layout.at('galley')}":
        yield wish
        return
    outward = [*outward_ports(layout, PILOTS)]
    if not command:
        outward.append(wish.application.port)
    with lodged(nets_file(layout), wish.name, outward) as address:
        yield replace(wish, address=address)
