"""Where numbers of traffic come from: the mesh itself, or a Prometheus."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from meltemi.config.values import Duration, InvalidDurationError
from meltemi.ctl.galley.client import failed, warn
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.traffic.prometheus import counted
from meltemi.galley.traffic import Traffic, traffic
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from pathlib import Path

PROMETHEUS: Final = "PROMETHEUS_URL"
USUAL: Final = "1m"


class BadWindowError(MeshError):
    """A window that is no length of time."""

    code = "stats.bad-window"
    blame = Blame.CALLER


def read_traffic(state: Path, window: str) -> Traffic:
    """Return what passed in ``window``: by PROMETHEUS_URL's word where that is set.

    Raises:
        BadWindowError: If ``window`` is no duration.
        PrometheusError: If Prometheus does not answer.

    """
    url = os.environ.get(PROMETHEUS, "")  # noqa: TID251 - where the user's shell ends
    if url:
        seconds = seconds_of(window)
        return traffic(counted(url, seconds), seconds)
    answer = connect(state).get(f"/api/v1/stats?window={quote(window)}")
    warn(answer)
    if not answer.ok:
        raise failed(answer)
    return msgspec.convert(answer.body, Traffic)


def seconds_of(window: str) -> float:
    """Return how long ``window`` is; raise `BadWindowError`."""
    try:
        seconds = Duration.parse(window).nanoseconds / 1e9
    except InvalidDurationError as error:
        raise BadWindowError(f"--window: {error}") from None
    if seconds <= 0:
        raise BadWindowError(f"--window {window}: expected more than nothing")
    return seconds
