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
    told = settings.proxy_config
    drain = told.drain_duration.seconds if told.drain_duration else None
    flush = told.file_flush_interval.seconds if told.file_flush_interval else 1.0
    arguments = [
        str(envoy),
        "--config-path",
        str(bootstrap),
        "--disable-hot-restart",
        "--drain-time-s",
        str(math.ceil(settings.drain_seconds if drain is None else drain)),
        "--drain-strategy",
        "immediate",
        "--file-flush-interval-msec",
        str(math.ceil(flush * 1000)),
        "--log-level",
        settings.envoy_log_level,
    ]
    if settings.bootstrap_override:
        arguments += ["--config-yaml", settings.bootstrap_override]
    if told.file_flush_min_size_kb:
        arguments += ["--file-flush-min-size-kb", str(told.file_flush_min_size_kb)]
    if settings.concurrency:
        arguments += ["--concurrency", str(settings.concurrency)]
    return arguments
