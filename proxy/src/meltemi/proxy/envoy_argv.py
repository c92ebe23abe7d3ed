"""The command line of Envoy. No I/O."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.proxy.settings import AgentSettings


def envoy_argv(envoy: Path, bootstrap: Path, settings: AgentSettings) -> list[str]:
    """Return how to run ``envoy`` on the file ``bootstrap``.

    Source:
        Istio's pkg/envoy/proxy.go, without hot restart: the agent replaces a dead
        Envoy, and a new version comes with a new agent.

    """
    arguments = [
        str(envoy),
        "--config-path",
        str(bootstrap),
        "--disable-hot-restart",
        "--drain-time-s",
        str(math.ceil(settings.drain_seconds)),
        "--drain-strategy",
        "immediate",
        "--file-flush-interval-msec",
        "1000",
        "--log-level",
        settings.envoy_log_level,
    ]
    if settings.concurrency:
        arguments += ["--concurrency", str(settings.concurrency)]
    return arguments
