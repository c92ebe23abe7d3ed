"""Answers an Envoy from a checkpoint, when no Pilot does. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Resource,
)

from meltemi.proxy.checkpoint import Subscription
from meltemi.xds.types import TypeUrl
from meltemi.xds.virtual_host import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from meltemi.proxy.checkpoint import Checkpoint

VERSION = "checkpoint"
"""``system_version_info`` of what comes from disk: no revision, so no promise."""


class Replay:
    """One incremental stream served from ``checkpoint``.

    It gives Envoy what it lacks and takes nothing away: an Envoy that holds anything
    holds something at least as new as the checkpoint.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._types = checkpoint.types
        self._subscriptions: dict[str, Subscription] = {}
        self._nonce = 0

    def answers(
        self, request: DeltaDiscoveryRequest
    ) -> Iterator[DeltaDiscoveryResponse]:
        """Yield what to say to ``request``, in order."""
        answer = self._answer(request)
        if answer:
            yield answer
        asked = TypeUrl.VIRTUAL_HOST in self._subscriptions
        if answer and asked and request.type_url == TypeUrl.ROUTE:
            yield self._hosts({each.name for each in answer.resources})

    def _hosts(self, tables: Collection[str]) -> DeltaDiscoveryResponse:
        """Return the virtual hosts of ``tables``, which Envoy was given.

        It drops those of other tables, and starts no table without one of its own.
        """
        stored = self._types.get(TypeUrl.VIRTUAL_HOST, {})
        names = [name for name in stored if table_of(name) in tables]
        return self._said(TypeUrl.VIRTUAL_HOST, names)

    def _answer(self, request: DeltaDiscoveryRequest) -> DeltaDiscoveryResponse | None:
        url = request.type_url
        first = url not in self._subscriptions
        if first:
            self._subscriptions[url] = Subscription.of(request)
        subscription = self._subscriptions[url]
        asked = subscription.change(request)
        if first and subscription.everything:
            asked = [*self._all_of(url), *asked]
        lacking = [name for name in asked if name not in subscription.had]
        if not lacking and not (first and not subscription.had):
            return None
        return self._said(url, lacking)

    def _all_of(self, url: str) -> Collection[str]:
        """Return what there is of the type ``url``: hosts, of tables it asked for."""
        stored = self._types.get(url, {})
        if url != TypeUrl.VIRTUAL_HOST:
            return stored
        routes = self._subscriptions.get(TypeUrl.ROUTE)
        tables = routes.names if routes else ()
        return [name for name in stored if table_of(name) in tables]

    def _said(self, url: str, lacking: Collection[str]) -> DeltaDiscoveryResponse:
        stored = self._types.get(url, {})
        self._nonce += 1
        return DeltaDiscoveryResponse(
            type_url=url,
            nonce=f"{VERSION}-{self._nonce}",
            system_version_info=VERSION,
            resources=[Resource.FromString(stored[n]) for n in lacking if n in stored],
            removed_resources=[name for name in lacking if name not in stored],
        )
