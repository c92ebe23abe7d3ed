"""Changes to route tables, virtual hosts and routes.

Source: pilot/pkg/networking/core/envoyfilter/rc_patch.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from meltemi.pilot.emit.patch.sequence import changed
from meltemi.pilot.emit.patch.value import merge, read
from meltemi.pilot.ir.patch import Change, Context, Part

if TYPE_CHECKING:
    from meltemi.pilot.ir.patch import Patch, RoutesAre

HTTPS_PARTS: Final = 5
"""``https.PORT.PORT-NAME.GATEWAY.NAMESPACE``."""
ACTIONS: Final = {
    "ROUTE": "route",
    "REDIRECT": "redirect",
    "DIRECT_RESPONSE": "direct_response",
}


def change_table(table: RouteConfiguration, patch: Patch, context: Context) -> int:
    """Change ``table`` in place; return how often ``patch`` matched."""
    wanted = patch.routes
    if not _is_table(table, wanted, context):
        return 0
    if patch.part is Part.ROUTE_CONFIGURATION:
        lists = patch.change is Change.MERGE_LISTS
        merge(table, read(patch, RouteConfiguration), lists=lists)
        return 1
    if patch.part is Part.VIRTUAL_HOST:
        hosts, count = changed(
            table.virtual_hosts,
            patch,
            VirtualHost,
            lambda host: _is_host(host, wanted),
            anchored=bool(wanted.host or wanted.domain),
        )
        _refill(table, hosts)
        return count
    return sum(
        _change_routes(host, patch)
        for host in table.virtual_hosts
        if _is_host(host, wanted)
    )


def _refill(table: RouteConfiguration, hosts: list[VirtualHost]) -> None:
    copies = [VirtualHost.FromString(each.SerializeToString()) for each in hosts]
    table.ClearField("virtual_hosts")
    table.virtual_hosts.extend(copies)


def _change_routes(host: VirtualHost, patch: Patch) -> int:
    wanted = patch.routes
    routes, count = changed(
        host.routes,
        patch,
        Route,
        lambda route: _is_route(route, wanted),
        anchored=bool(wanted.route or wanted.action),
    )
    copies = [Route.FromString(each.SerializeToString()) for each in routes]
    host.ClearField("routes")
    host.routes.extend(copies)
    return count


def _is_table(table: RouteConfiguration, wanted: RoutesAre, context: Context) -> bool:
    if wanted.name and wanted.name != table.name:
        return False
    if context is not Context.GATEWAY:
        return not wanted.port or wanted.port == _port(table.name)
    port, port_name, gateway = _gateway(table.name)
    return (
        (not wanted.port or wanted.port == port)
        and (not wanted.port_name or wanted.port_name == port_name)
        and (not wanted.gateway or wanted.gateway == gateway)
    )


def _port(table: str) -> int:
    written = table.split("|")[1] if table.startswith("inbound|") else table
    return int(written) if written.isdecimal() else 0


def _gateway(table: str) -> tuple[int, str, str]:
    """Return port, its name and ``NAMESPACE/GATEWAY`` of a gateway's table."""
    parts = table.split(".")
    port = int(parts[1]) if len(parts) > 1 and parts[1].isdecimal() else 0
    if parts[0] != "https" or len(parts) < HTTPS_PARTS:
        return port, "", ""
    return port, parts[2], f"{parts[4]}/{parts[3]}"


def _is_host(host: VirtualHost, wanted: RoutesAre) -> bool:
    if wanted.host and wanted.host != host.name:
        return False
    return not wanted.domain or wanted.domain in host.domains


def _is_route(route: Route, wanted: RoutesAre) -> bool:
    if wanted.route and wanted.route != route.name:
        return False
    return not wanted.action or route.WhichOneof("action") == ACTIONS[wanted.action]
