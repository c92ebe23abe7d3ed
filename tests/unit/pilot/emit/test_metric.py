from __future__ import annotations

from google.protobuf.json_format import MessageToDict

from meltemi.pilot import ir
from meltemi.pilot.emit.metric import statistics

TAGS = (("reporter", "source"),)


def test_counts_and_distributions_are_told_apart() -> None:
    made = ir.MetricLog(
        (
            ir.Metric("requests_total", ir.Measure.COUNT, "", TAGS),
            ir.Metric("sent_total", ir.Measure.COUNT, "%BYTES_SENT%", ()),
            ir.Metric("duration", ir.Measure.MILLISECONDS, "%DURATION%", ()),
        )
    )
    value = MessageToDict(statistics(made))["value"]
    stat = {
        "name": "requests_total",
        "tags": [{"name": "reporter", "value_format": "source"}],
    }
    assert value["counters"] == [
        {"stat": stat, "value_fixed": 1.0},
        {"stat": {"name": "sent_total", "tags": []}, "value_format": "%BYTES_SENT%"},
    ]
    (duration,) = value["histograms"]
    assert duration["unit"] == "Milliseconds"


def test_a_proxy_has_a_bound_to_its_series() -> None:
    value = MessageToDict(statistics(ir.MetricLog(())))["value"]
    assert value["stats_scope"]["prefix"] == "istio"
    assert value["stats_scope"]["max_counters"] == 4_000
    assert value["stats_scope"]["max_histograms"] == 1_500


def test_series_may_be_forgotten_when_a_proxy_is_told_to() -> None:
    value = MessageToDict(statistics(ir.MetricLog(())))["value"]
    assert value["stats_scope"]["enable_eviction"] is True
