"""What a gRPC server's handshakes are shown, and when it is told to them."""

from __future__ import annotations

from meltemi.credentials.mutual import _Shown
from meltemi.testkit.authority import RATINGS, REVIEWS, credential


def test_handshakes_are_told_what_changes_and_nothing_again() -> None:
    """Told the same again, gRPC's core ends the process: grpc/grpc#36693."""
    held = credential(REVIEWS)
    shown = _Shown(lambda: held)
    shown.first()
    assert shown.changed() is None
    held = credential(RATINGS)
    assert shown.changed() is not None
    assert shown.changed() is None
