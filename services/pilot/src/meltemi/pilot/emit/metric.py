"""Istio's metrics, as Envoy's logger that counts what it is told.

Envoy lacks Istio's filter ``istio.stats``; ``envoy.access_loggers.stats`` gives the
same metrics. The types Pilot is built with do not have its ``stats_scope``, so it is
written as a TypedStruct.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.emit.wire import Written, typed_struct, written

if TYPE_CHECKING:
    from google.protobuf.message import Message

METRICS = "meltemi.metrics"
CONFIG = "envoy.extensions.access_loggers.stats.v3.Config"
PREFIX = "istio"
MOST_COUNTERS = 4_000
MOST_HISTOGRAMS = 1_500
"""Series of one listener's logger: more are not counted, and it stays that small.

A proxy has as many times this as it has listeners that count.

A histogram costs as much memory as some 20 counters and as many lines of the page:
three for each of five hundred sets of tags are what a page can be read with.
"""
UNITS = {ir.Measure.BYTES: "Bytes", ir.Measure.MILLISECONDS: "Milliseconds"}


def statistics(made: ir.MetricLog) -> Message:
    """Return the settings of the logger that counts ``made``."""
    counted = [each for each in made.metrics if each.measure is ir.Measure.COUNT]
    spread = [each for each in made.metrics if each.measure is not ir.Measure.COUNT]
    value: dict[str, object] = {
        "stats_scope": {
            "prefix": PREFIX,
            # Only where the proxy's bootstrap says after how long.
            "enable_eviction": True,
            "max_counters": MOST_COUNTERS,
            "max_histograms": MOST_HISTOGRAMS,
        },
        "counters": [_counter(each) for each in counted],
        "histograms": [
            {
                "stat": _stat(each),
                "unit": UNITS[each.measure],
                "value_format": each.value,
            }
            for each in spread
        ],
    }
    return typed_struct(CONFIG, value)


def _counter(made: ir.Metric) -> dict[str, object]:
    how: dict[str, object] = (
        {"value_format": made.value} if made.value else {"value_fixed": 1}
    )
    return {"stat": _stat(made), **how}


def _stat(made: ir.Metric) -> dict[str, object]:
    return {"name": made.name, "tags": _tags(made.tags)}


@lru_cache(256)  # most metrics of a side have the same
def _tags(tags: tuple[tuple[str, str], ...]) -> Written:
    return written([_tag(*each) for each in tags])


@lru_cache(4096)  # and most proxies, but for what they are called
def _tag(name: str, form: str) -> Written:
    return written({"name": name, "value_format": form})
