from __future__ import annotations

from importlib import import_module

import pytest
from prometheus_client import CollectorRegistry, Counter, parser
from prometheus_client.exposition import choose_encoder

from meltemi.proxy.exposition import (
    Exposition,
    as_open_metrics,
    exposition_of,
    istio_names,
    merged,
)

ENVOY = b"""# TYPE envoy_cluster_upstream_cx_total counter
envoy_cluster_upstream_cx_total{cluster="a"} 3

# TYPE envoy_odd counter
envoy_odd{} 1

# TYPE envoy_server_live gauge
envoy_server_live{} 1

# HELP agent_things What there is.
# TYPE agent_things untyped
agent_things 5
# TYPE istio_ms histogram
istio_ms_bucket{app="x",le="0.5"} 0
istio_ms_bucket{app="x",le="1"} 1
istio_ms_bucket{app="x",le="3.6e+06"} 1
istio_ms_bucket{app="x",le="+Inf"} 1
istio_ms_sum{app="x"} 1
istio_ms_count{app="x"} 1
"""


def application() -> bytes:
    registry = CollectorRegistry()
    Counter("shop_orders", "Orders.", registry=registry).inc(2, {"trace_id": "7"})
    encode, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    return encode(registry)


def samples(text: bytes) -> dict[str, float]:
    strict = import_module("prometheus_client.openmetrics.parser")  # has no types
    families = list(strict.text_string_to_metric_families(text.decode()))
    return {each.name: each.value for family in families for each in family.samples}


def test_istios_metrics_have_istios_names_and_envoys_keep_theirs() -> None:
    text = (
        b"# TYPE envoy_istio_requests_total counter\nenvoy_istio_requests_total{} 1\n"
    )
    assert istio_names(text) == (
        b"# TYPE istio_requests_total counter\nistio_requests_total{} 1\n"
    )
    own = b"envoy_server_live{} 1\n"
    assert istio_names(own) == own


def test_an_application_that_speaks_open_metrics_is_served_whole() -> None:
    found = merged(ENVOY, Exposition(application(), is_open=True))
    assert found.media_type.startswith("application/openmetrics-text")
    assert b'# {trace_id="7"}' in found.text, "its exemplars too"
    assert found.text.count(b"# EOF") == 1
    known = samples(found.text)
    assert known["shop_orders_total"] == 2
    assert known["envoy_cluster_upstream_cx_total"] == 3
    assert known["envoy_odd"] == 1, "under the name it always had"
    assert known["agent_things"] == 5
    assert known["istio_ms_count"] == 1


def test_an_application_that_speaks_the_text_format_is_appended() -> None:
    found = merged(b"a 1", exposition_of("text/plain; version=0.0.4", b"b 2"))
    assert found == Exposition(b"a 1\nb 2\n")
    assert merged(b"a 1\n", None) == Exposition(b"a 1\n")
    read = parser.text_string_to_metric_families(found.text.decode())
    assert {each.name for each in read} == {"a", "b"}


def test_open_metrics_of_nothing_are_nothing() -> None:
    assert as_open_metrics(b"") == b""


@pytest.mark.parametrize(
    "line",
    [
        b"up 1",
        b'up{a="} b"} +Inf',
        b'{"my.name", a="b"} 1 1700000000',
        b"up{} NaN",
        b"# HELP up Words.",
        b"",
    ],
)
def test_metrics_pass(line: bytes) -> None:
    assert exposition_of("", line).text == line


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("text/html", b"up 1", "content type"),
        ("application/json", b"{}", "content type"),
        ("text/plain", b"up 1\n<html>", "line 2"),
        ("", b'{"status": "fine"}', "line 1"),
        ("", b"up\n", "line 1"),
        ("", b'up{a="\xff"} 1', "utf-8"),
    ],
)
def test_what_a_scraper_would_choke_on_is_refused(
    kind: str, text: bytes, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        exposition_of(kind, text)
