"""Virtual hosts as resources of their own, beside a table that has none.

Envoy asks for those of a table it was given, and knows them by the name they travel
under: a host that leaves is named so, too.

Source:
    envoy source/common/router/route_config_update_receiver_impl.cc, `onVhdsUpdate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from meltemi.kernel.digest import content_version
from meltemi.pilot import ir
from meltemi.pilot.emit.route import route_table
from meltemi.pilot.emit.wire import from_ads, serialized
from meltemi.xds.virtual_host import resource_name

if TYPE_CHECKING:
    from collections.abc import Iterator

BARE: Final = "bare."


def bare_table(name: str) -> bytes:
    """Return the bytes of a table whose virtual hosts come by themselves."""
    return serialized(bare(route_table(ir.RouteTable(name, ()))))


def bare(table: RouteConfiguration) -> RouteConfiguration:
    """Return ``table`` without virtual hosts, which come by themselves."""
    result = RouteConfiguration()
    result.CopyFrom(table)
    result.ClearField("virtual_hosts")
    result.vhds.config_source.CopyFrom(from_ads())
    return result


def bare_version(body: bytes) -> str:
    """Return the version of a table without virtual hosts, which tells it is one.

    A proxy that comes back says it, and nothing else that would tell.
    """
    return BARE + content_version(body)


def is_bare(version: str) -> bool:
    """Tell whether `bare_version` returned ``version``."""
    return version.startswith(BARE)


def hosts_of(table: RouteConfiguration) -> Iterator[tuple[str, VirtualHost]]:
    """Yield the virtual hosts of ``table`` as they travel, with their own names."""
    for each in table.virtual_hosts:
        result = VirtualHost()
        result.CopyFrom(each)
        result.name = resource_name(table.name, each.name)
        yield each.name, result


def named_apart(table: str, names: bytes) -> tuple[str, bytes]:
    """Return the name of a virtual host as it travels, and the bytes that say it.

    Args:
        table: Whose it is.
        names: What `meltemi.pilot.emit.route.host_names` returned.

    """
    said = VirtualHost.FromString(names)
    said.name = resource_name(table, said.name)
    return said.name, serialized(said)
