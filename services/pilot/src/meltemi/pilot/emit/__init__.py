"""From IR to Envoy's messages, and from those to bytes."""

from meltemi.pilot.emit.cluster import cluster
from meltemi.pilot.emit.endpoint import assignment
from meltemi.pilot.emit.listener import listener
from meltemi.pilot.emit.plugin import extension
from meltemi.pilot.emit.route import route_table
from meltemi.pilot.emit.secret import secret
from meltemi.pilot.emit.wire import serialized

__all__ = [
    "assignment",
    "cluster",
    "extension",
    "listener",
    "route_table",
    "secret",
    "serialized",
]
