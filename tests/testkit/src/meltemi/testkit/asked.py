"""What a Pilot has for a node, asked for as a proxy would that has nothing yet."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, Final

import grpc
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from google.protobuf.json_format import ParseDict

from meltemi.testkit.model_proxy import Held, tables
from meltemi.testkit.pilots import ADS
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 120.0
OPTIONS: Final = (("grpc.max_receive_message_length", -1),)

Holding = dict[TypeUrl, dict[str, Held]]
"""By type and name."""


def asked(ads: int, node: dict[str, Any]) -> Holding:
    """Return all that the Pilot at the port ``ads`` gives to ``node``, as JSON has it.

    Every cluster with its endpoints, every listener with the tables it fetches.
    """
    with grpc.insecure_channel(f"127.0.0.1:{ads}", OPTIONS) as channel:
        stream = _Stream(channel, node)
        clusters = stream.all(TypeUrl.CLUSTER)
        found = [Cluster.FromString(each.body) for each in clusters.values()]
        sets = {each.name for each in found if each.type == Cluster.EDS}
        endpoints = stream.named(TypeUrl.ENDPOINT, sets)
        listeners = stream.all(TypeUrl.LISTENER)
        bodies = [Listener.FromString(each.body) for each in listeners.values()]
        routes = {name for each in bodies for name in tables(each)}
        return {
            TypeUrl.CLUSTER: clusters,
            TypeUrl.ENDPOINT: endpoints,
            TypeUrl.LISTENER: listeners,
            TypeUrl.ROUTE: stream.named(TypeUrl.ROUTE, routes),
        }


class _Stream:
    """One stream, which asks for one type after the other."""

    def __init__(self, channel: grpc.Channel, node: dict[str, Any]) -> None:
        self._node = node
        self._requests: queue.SimpleQueue[DeltaDiscoveryRequest] = queue.SimpleQueue()
        method = channel.stream_stream(
            f"{ADS}/DeltaAggregatedResources",
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )
        self._answers = method(iter(self._requests.get, None), timeout=SECONDS)

    def all(self, kind: TypeUrl) -> dict[str, Held]:
        """Return every resource of ``kind``."""
        self._ask(kind, set())
        return dict(self._next(kind))

    def named(self, kind: TypeUrl, names: set[str]) -> dict[str, Held]:
        """Return the resources of ``kind`` with these ``names``."""
        if not names:
            return {}
        self._ask(kind, names)
        found: dict[str, Held] = {}
        while names - found.keys():
            found |= dict(self._next(kind))
        return found

    def _ask(self, kind: TypeUrl, names: set[str]) -> None:
        request = DeltaDiscoveryRequest(
            type_url=kind, resource_names_subscribe=sorted(names)
        )
        ParseDict(self._node, request.node)
        self._requests.put(request)

    def _next(self, kind: TypeUrl) -> Iterator[tuple[str, Held]]:
        """Yield what the next answer about ``kind`` holds, and acknowledge it."""
        while True:
            answer = next(self._answers)
            nonce = answer.nonce
            said = DeltaDiscoveryRequest(type_url=answer.type_url, response_nonce=nonce)
            self._requests.put(said)
            if answer.type_url != kind:
                continue  # a mesh that changes meanwhile
            for each in answer.resources:
                yield each.name, Held(each.version, each.resource.value)
            for name in answer.removed_resources:
                yield name, Held("", b"")
            return
