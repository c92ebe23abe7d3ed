"""Changes to listeners, their chains and filters.

Source: pilot/pkg/networking/core/envoyfilter/listener_patch.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envoy.config.listener.v3.listener_components_pb2 import (
    Filter,
    FilterChain,
    ListenerFilter,
)
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from meltemi.pilot.emit.patch.route import change_table
from meltemi.pilot.emit.patch.sequence import changed
from meltemi.pilot.emit.patch.value import merge, read
from meltemi.pilot.emit.wire import packed
from meltemi.pilot.ir.patch import Change, Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot.ir.patch import Context, ListenerIs, Patch

Manager = hcm.HttpConnectionManager
MANAGER: Final = "envoy.filters.network.http_connection_manager"
OLD_MANAGER: Final = "envoy.http_connection_manager"
VIRTUAL: Final = ("virtualInbound", "virtualOutbound")
"""Listeners whose chains, and not they themselves, are for one port."""
OF_TABLES: Final = (Part.ROUTE_CONFIGURATION, Part.VIRTUAL_HOST, Part.HTTP_ROUTE)


def change_listener(listener: Listener, patch: Patch, context: Context) -> int:
    """Change ``listener`` in place; return how often ``patch`` matched."""
    if patch.part in OF_TABLES:
        return _change_tables(listener, patch, context)
    if not is_listener(listener, patch.listener, whole=patch.part is Part.LISTENER):
        return 0
    match patch.part:
        case Part.LISTENER:
            lists = patch.change is Change.MERGE_LISTS
            merge(listener, read(patch, Listener), lists=lists)
            return 1
        case Part.LISTENER_FILTER:
            return _change_listener_filters(listener, patch)
        case Part.FILTER_CHAIN:
            return _change_chains(listener, patch)
        case _:
            return sum(
                _change_filters(chain, patch)
                for chain in _chains(listener)
                if _is_chain(listener, chain, patch.listener)
            )


def is_listener(listener: Listener, wanted: ListenerIs, *, whole: bool) -> bool:
    """Tell whether ``listener`` is meant; ``whole``: and not only a part of it."""
    if wanted.name and wanted.name != listener.name:
        return False
    if not whole and listener.name in VIRTUAL:
        return True
    return not wanted.port or listener.address.socket_address.port_value == wanted.port


def _chains(listener: Listener) -> Iterator[FilterChain]:
    yield from listener.filter_chains
    if listener.HasField("default_filter_chain"):
        yield listener.default_filter_chain


def _is_chain(listener: Listener, chain: FilterChain, wanted: ListenerIs) -> bool:
    match = chain.filter_chain_match
    port = match.destination_port.value
    if listener.name in VIRTUAL and wanted.port and wanted.port != port:
        return False
    return (
        (not wanted.chain or wanted.chain == chain.name)
        and (not wanted.server_name or wanted.server_name in match.server_names)
        and (not wanted.transport or wanted.transport == match.transport_protocol)
        and (not wanted.destination_port or wanted.destination_port == port)
        and set(wanted.protocols) <= set(match.application_protocols)
    )


def _change_listener_filters(listener: Listener, patch: Patch) -> int:
    name = patch.listener.listener_filter
    found, count = changed(
        listener.listener_filters,
        patch,
        ListenerFilter,
        lambda each: not name or each.name == name,
        anchored=bool(name),
    )
    copies = [ListenerFilter.FromString(each.SerializeToString()) for each in found]
    listener.ClearField("listener_filters")
    listener.listener_filters.extend(copies)
    return count


def _change_chains(listener: Listener, patch: Patch) -> int:
    found, count = changed(
        listener.filter_chains,
        patch,
        FilterChain,
        lambda chain: _is_chain(listener, chain, patch.listener),
        anchored=True,
    )
    copies = [FilterChain.FromString(each.SerializeToString()) for each in found]
    listener.ClearField("filter_chains")
    listener.filter_chains.extend(copies)
    return count


def _change_filters(chain: FilterChain, patch: Patch) -> int:
    if patch.part is Part.HTTP_FILTER:
        return sum(_change_http(each, patch) for each in chain.filters)
    name = patch.listener.filter
    found, count = changed(
        chain.filters,
        patch,
        Filter,
        lambda each: not name or _named(each.name, name),
        anchored=bool(name),
    )
    copies = [Filter.FromString(each.SerializeToString()) for each in found]
    chain.ClearField("filters")
    chain.filters.extend(copies)
    return count


def _named(name: str, wanted: str) -> bool:
    return name == wanted or (name == MANAGER and wanted == OLD_MANAGER)


def _change_http(each: Filter, patch: Patch) -> int:
    wanted = patch.listener
    if wanted.filter and not _named(each.name, wanted.filter):
        return 0
    manager = _manager(each)
    if manager is None:
        return 0
    name = wanted.sub_filter
    found, count = changed(
        manager.http_filters,
        patch,
        hcm.HttpFilter,
        lambda inner: not name or inner.name == name,
        anchored=bool(name),
    )
    copies = [hcm.HttpFilter.FromString(inner.SerializeToString()) for inner in found]
    manager.ClearField("http_filters")
    manager.http_filters.extend(copies)
    each.typed_config.CopyFrom(packed(manager))
    return count


def _manager(each: Filter) -> Manager | None:
    if not each.typed_config.type_url.endswith(f"/{Manager.DESCRIPTOR.full_name}"):
        return None
    return Manager.FromString(each.typed_config.value)


def _change_tables(listener: Listener, patch: Patch, context: Context) -> int:
    """Change the route tables that stand in the listener itself."""
    count = 0
    for chain in _chains(listener):
        for each in chain.filters:
            manager = _manager(each)
            if manager is None or not manager.HasField("route_config"):
                continue
            found = change_table(manager.route_config, patch, context)
            if found:
                each.typed_config.CopyFrom(packed(manager))
            count += found
    return count
