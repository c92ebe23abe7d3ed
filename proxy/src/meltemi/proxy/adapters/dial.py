"""How Pilots are reached: with the workload's certificate, or in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from meltemi.credentials.mutual import secure_channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.credentials.keeper import Keeper
    from meltemi.runtime.settings import Address

PILOT = "pilot"
"""The DNS name in a Pilot's certificate, which no workload's has."""

OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A Pilot that hangs keeps its connections open: only its missing pong tells.
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),  # the one that counts; 60 s unless said
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),  # a stream may be quiet for hours
)


def dial_plain(pilot: Address) -> grpc.aio.Channel:
    """Return a channel to ``pilot`` in plain text."""
    return grpc.aio.insecure_channel(str(pilot), OPTIONS)


def dial_with(keeper: Keeper) -> Callable[[Address], grpc.aio.Channel | None]:
    """Return how to reach a Pilot with what ``keeper`` holds: not at all with nothing.

    A stream goes on when the certificate it began with has ended.
    """

    def dial(pilot: Address) -> grpc.aio.Channel | None:
        held = keeper.held
        return secure_channel(str(pilot), held, PILOT, OPTIONS) if held else None

    return dial
