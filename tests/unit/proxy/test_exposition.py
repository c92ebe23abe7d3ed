from __future__ import annotations

from meltemi.proxy.exposition import istio_names


def test_istios_metrics_have_istios_names_and_envoys_keep_theirs() -> None:
    text = (
        b"# TYPE envoy_istio_requests_total counter\nenvoy_istio_requests_total{} 1\n"
    )
    assert istio_names(text) == (
        b"# TYPE istio_requests_total counter\nistio_requests_total{} 1\n"
    )
    own = b"envoy_server_live{} 1\n"
    assert istio_names(own) == own
