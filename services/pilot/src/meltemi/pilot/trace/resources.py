"""What a proxy holds, by the names it looks things up with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from xds.type.v3.typed_struct_pb2 import TypedStruct

from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.any_pb2 import Any as Packed

M = TypeVar("M", bound=Message)

OLD_STRUCT = "udpa.type.v1.TypedStruct"


@dataclass(frozen=True, slots=True)
class Resources:
    """Envoy's own messages, whoever made them."""

    listeners: tuple[Listener, ...] = ()
    routes: Mapping[str, RouteConfiguration] = field(
        default_factory=dict[str, "RouteConfiguration"]
    )
    clusters: Mapping[str, Cluster] = field(default_factory=dict[str, "Cluster"])
    assignments: Mapping[str, ClusterLoadAssignment] = field(
        default_factory=dict[str, "ClusterLoadAssignment"]
    )
    extensions: Mapping[str, TypedExtensionConfig] = field(
        default_factory=dict[str, "TypedExtensionConfig"]
    )
    """Configuration of filters that stand in listeners by name."""


def resources(
    listeners: Iterable[Listener],
    routes: Iterable[RouteConfiguration],
    clusters: Iterable[Cluster],
    assignments: Iterable[ClusterLoadAssignment],
) -> Resources:
    """Return what a proxy holds; of two with one name the last holds."""
    return Resources(
        listeners=tuple(listeners),
        routes={each.name: each for each in routes},
        clusters={each.name: each for each in clusters},
        assignments={each.cluster_name: each for each in assignments},
    )


def read(bodies: Mapping[TypeUrl, Iterable[bytes]]) -> Resources:
    """Return what a proxy reads in the bytes it was sent, by their type."""
    made = resources(
        map(Listener.FromString, bodies[TypeUrl.LISTENER]),
        map(RouteConfiguration.FromString, bodies[TypeUrl.ROUTE]),
        map(Cluster.FromString, bodies[TypeUrl.CLUSTER]),
        map(ClusterLoadAssignment.FromString, bodies[TypeUrl.ENDPOINT]),
    )
    apart = map(TypedExtensionConfig.FromString, bodies.get(TypeUrl.EXTENSION, ()))
    return replace(made, extensions={each.name: each for each in apart})


def holds(packed: Packed, kind: type[Message]) -> bool:
    """Tell whether ``packed`` is a ``kind``, be it spelled as a TypedStruct."""
    return kind_of(packed) == kind.DESCRIPTOR.full_name


def unpacked(packed: Packed, kind: type[M]) -> M | None:
    """Return ``packed`` as a ``kind``, or None when it is, or says, something else."""
    if kind_of(packed) != kind.DESCRIPTOR.full_name:
        return None
    result = kind()
    struct = _struct(packed)
    if struct is None:
        packed.Unpack(result)
        return result
    try:
        return ParseDict(
            MessageToDict(struct.value), result, ignore_unknown_fields=True
        )
    except ParseError:
        return None


def kind_of(packed: Packed) -> str:
    """Return the full name of the message that ``packed`` is, or spells."""
    struct = _struct(packed)
    url = struct.type_url if struct is not None else packed.type_url
    return url.rpartition("/")[2]


def _struct(packed: Packed) -> TypedStruct | None:
    """Return what is spelled as a struct; the old message has the same fields."""
    name = packed.type_url.rpartition("/")[2]
    if name not in (TypedStruct.DESCRIPTOR.full_name, OLD_STRUCT):
        return None
    return TypedStruct.FromString(packed.value)
