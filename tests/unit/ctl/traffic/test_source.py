from __future__ import annotations

from pathlib import Path

import pytest

from meltemi.ctl.traffic.prometheus import PrometheusError
from meltemi.ctl.traffic.source import BadWindowError, read_traffic, seconds_of


def test_prometheus_is_asked_where_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", "http://127.0.0.1:1")
    with pytest.raises(PrometheusError):
        read_traffic(Path("/no/mesh/here"), "1h")


@pytest.mark.parametrize("text", ["soon", "0s", "-5m"])
def test_a_window_that_is_no_time_is_named(text: str) -> None:
    with pytest.raises(BadWindowError, match="--window"):
        seconds_of(text)
    assert seconds_of("1h") == 3600
