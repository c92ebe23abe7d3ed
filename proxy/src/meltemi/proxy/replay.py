"""Answers an Envoy from a checkpoint, when no Pilot does. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Resource,
)

from meltemi.proxy.checkpoint import Subscription

if TYPE_CHECKING:
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

    def answer(self, request: DeltaDiscoveryRequest) -> DeltaDiscoveryResponse | None:
        """Return what to say to ``request``, or None."""
        url = request.type_url
        first = url not in self._subscriptions
        if first:
            self._subscriptions[url] = Subscription.of(request)
        subscription = self._subscriptions[url]
        asked = subscription.change(request)
        stored = self._types.get(url, {})
        if first and subscription.everything:
            asked = [*stored, *asked]
        lacking = [name for name in asked if name not in subscription.had]
        if not lacking and not (first and not subscription.had):
            return None
        self._nonce += 1
        return DeltaDiscoveryResponse(
            type_url=url,
            nonce=f"{VERSION}-{self._nonce}",
            system_version_info=VERSION,
            resources=[Resource.FromString(stored[n]) for n in lacking if n in stored],
            removed_resources=[name for name in lacking if name not in stored],
        )
