"""A person's own changes to tables whose virtual hosts travel by themselves.

A change is made to a table as a whole: it may add a virtual host, or take the last one
away. So the table is put together, changed, and taken apart again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from meltemi.pilot.emit.patch.apply import Patched
from meltemi.pilot.emit.resources import apart
from meltemi.xds.types import TypeUrl
from meltemi.xds.virtual_host import host_of, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot.emit.patch.apply import Item
    from meltemi.pilot.ir.patch import Patch
    from meltemi.pilot.snapshot import Snapshot


def patched_hosts(
    part: Snapshot, patches: tuple[Patch, ...], *, gateway: bool
) -> Patched:
    """Return the tables of ``part`` and their virtual hosts after ``patches``."""
    result = Patched()
    for item in whole_tables(part):
        result.take(item, patches, gateway=gateway)
    hosts = part.resources[TypeUrl.VIRTUAL_HOST]
    behind = {
        (table_of(name), host_of(name)): each.origins for name, each in hosts.items()
    }
    result.items = list(apart(result.items, behind))
    return result


def whole_tables(part: Snapshot) -> Iterator[Item]:
    """Yield each table of ``part`` with its virtual hosts, under their own names."""
    tables = {
        name: RouteConfiguration.FromString(each.body)
        for name, each in part.resources[TypeUrl.ROUTE].items()
    }
    for name, each in part.resources[TypeUrl.VIRTUAL_HOST].items():
        host = VirtualHost.FromString(each.body)
        host.name = host_of(name)
        tables[table_of(name)].virtual_hosts.append(host)
    for name, table in tables.items():
        table.ClearField("vhds")
        yield TypeUrl.ROUTE, name, table, part.resources[TypeUrl.ROUTE][name].origins
