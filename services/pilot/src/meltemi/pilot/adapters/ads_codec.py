"""Discovery messages, of both protocol variants, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DiscoveryRequest,
)
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from meltemi.kernel.digest import content_version
from meltemi.kernel.errors import Blame, MeshError
from meltemi.pilot.adapters.allowance import check_node
from meltemi.pilot.scope.proxy import Proxy, proxy
from meltemi.xds.session import Request
from meltemi.xds.types import EMPTY, TypeUrl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envoy.config.core.v3.base_pb2 import Node


R = TypeVar("R", DeltaDiscoveryRequest, DiscoveryRequest)


class MalformedRequestError(MeshError):
    """What a proxy sent is not a discovery request."""

    code = "xds.malformed"
    blame = Blame.CALLER


def parsed(kind: type[R], data: bytes) -> R:
    """Return the request that ``data`` is; raise `MalformedRequestError`."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise MalformedRequestError(f"not a {kind.__name__}: {error}") from error


def proxy_of(node: Node) -> Proxy:
    """Return who the node message describes.

    Raises:
        InvalidNodeError: If it does not say so properly.

    """
    check_node(node)
    extensions = [each.name for each in node.extensions]
    return proxy(node.id, MessageToDict(node.metadata), extensions=extensions)


def known_type(type_url: str) -> TypeUrl | None:
    """Return the type, or None for one that Pilot does not serve."""
    return _TYPES.get(type_url)


_TYPES: Final[Mapping[str, TypeUrl]] = {str(each): each for each in TypeUrl}


def delta_request(message: DeltaDiscoveryRequest, kind: TypeUrl) -> Request:
    """Return what an incremental request says."""
    told = message.initial_resource_versions
    return Request(
        type_url=kind,
        subscribe=frozenset(message.resource_names_subscribe),
        unsubscribe=frozenset(message.resource_names_unsubscribe),
        initial={name: told[name] for name in told},  # half the time of dict(told)
        nonce=message.response_nonce,
        error=error_of(message),
    )


def error_of(message: DeltaDiscoveryRequest | DiscoveryRequest) -> str | None:
    """Return the proxy's words on why it refused a response; None if it did not."""
    if not message.HasField("error_detail"):
        return None
    return message.error_detail.message or "refused without a word"


def version_of(contents: Mapping[str, str]) -> str:
    """Return the version of a state-of-the-world response that holds ``contents``."""
    joined = "\n".join(f"{name}={contents[name]}" for name in sorted(contents))
    return content_version(joined.encode())


def empty_body(kind: TypeUrl, name: str, version: str) -> bytes | None:
    """Return the body of a resource that has none in any snapshot, if it may be sent.

    Only a load assignment can be empty: "nobody answers for this cluster".
    """
    if kind is TypeUrl.ENDPOINT and version == EMPTY:
        return ClusterLoadAssignment(cluster_name=name).SerializeToString()
    return None
