"""A person's own changes to what is emitted: EnvoyFilter, in terms of its targets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.ir.origin import Origin


class Context(StrEnum):
    """Which of a proxy's resources are meant."""

    ANY = "ANY"
    INBOUND = "SIDECAR_INBOUND"
    OUTBOUND = "SIDECAR_OUTBOUND"
    GATEWAY = "GATEWAY"


class Part(StrEnum):
    """What kind of thing is changed."""

    LISTENER = "LISTENER"
    FILTER_CHAIN = "FILTER_CHAIN"
    NETWORK_FILTER = "NETWORK_FILTER"
    HTTP_FILTER = "HTTP_FILTER"
    LISTENER_FILTER = "LISTENER_FILTER"
    ROUTE_CONFIGURATION = "ROUTE_CONFIGURATION"
    VIRTUAL_HOST = "VIRTUAL_HOST"
    HTTP_ROUTE = "HTTP_ROUTE"
    CLUSTER = "CLUSTER"


class Change(StrEnum):
    """What is done to it."""

    ADD = "ADD"
    REMOVE = "REMOVE"
    MERGE = "MERGE"
    MERGE_LISTS = "MERGE_AND_REPLACE_LIST"
    """As MERGE, but lists of the value replace those that are there."""
    REPLACE = "REPLACE"
    BEFORE = "INSERT_BEFORE"
    AFTER = "INSERT_AFTER"
    FIRST = "INSERT_FIRST"


@dataclass(frozen=True, slots=True)
class ListenerIs:
    """Which listener, chain and filters; empty and 0 match any."""

    name: str = ""
    port: int = 0
    chain: str = ""
    server_name: str = ""
    transport: str = ""
    protocols: tuple[str, ...] = ()
    destination_port: int = 0
    filter: str = ""
    sub_filter: str = ""
    listener_filter: str = ""


@dataclass(frozen=True, slots=True)
class RoutesAre:
    """Which route table, virtual host and route; empty and 0 match any."""

    name: str = ""
    port: int = 0
    port_name: str = ""
    gateway: str = ""
    host: str = ""
    domain: str = ""
    route: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class ClusterIs:
    """Which cluster; empty and 0 match any."""

    name: str = ""
    port: int = 0
    service: str = ""
    subset: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    """One change.

    Attributes:
        part: What kind of thing is changed.
        change: What is done to it.
        context: Which of the proxy's resources are meant.
        value: The new thing, or a part of it, as proto-JSON; empty to remove.
        listener: For listeners and what is in them.
        routes: For route tables and what is in them.
        cluster: For clusters.
        origin: Where it was written.

    """

    part: Part
    change: Change
    context: Context
    value: str
    listener: ListenerIs
    routes: RoutesAre
    cluster: ClusterIs
    origin: Origin
