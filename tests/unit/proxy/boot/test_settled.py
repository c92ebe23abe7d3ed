from __future__ import annotations

import pytest

from meltemi.config.heard import STATS
from meltemi.config.proxy_annotation import proxy_annotation
from meltemi.proxy.boot.settled import metadata, port, settled


def test_a_proxy_config_settles_what_has_a_setting_of_the_agents() -> None:
    config = proxy_annotation(
        "{concurrency: 4, terminationDrainDuration: 90s, proxyAdminPort: 15005,"
        " statusPort: 15022, interceptionMode: TPROXY,"
        " proxyStatsMatcher: {inclusionPrefixes: [a], inclusionSuffixes: [b]},"
        " proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: 'true',"
        " MINIMUM_DRAIN_DURATION: 1m}}"
    )
    assert settled(config) == {
        "concurrency": 4,
        "drain_seconds": 90.0,
        "admin_address": "127.0.0.1:15005",
        "status_address": "127.0.0.1:15022",
        "interception_mode": "TPROXY",
        "stats_inclusion": {"prefixes": ("a",), "suffixes": ("b",), "regexps": ()},
        "exit_on_zero_active_connections": "true",
        "minimum_drain_seconds": 60.0,
    }


def test_what_is_not_said_settles_nothing() -> None:
    assert settled(proxy_annotation("{}")) == {}


def test_a_minimum_that_is_no_duration_is_named() -> None:
    config = proxy_annotation("{proxyMetadata: {MINIMUM_DRAIN_DURATION: soon}}")
    with pytest.raises(ValueError, match=r"proxyMetadata\.MINIMUM_DRAIN_DURATION"):
        settled(config)


def test_istios_variables_become_node_metadata() -> None:
    config = proxy_annotation("{proxyMetadata: {ISTIO_META_NETWORK: n1, OTHER: x}}")
    assert metadata(config) == {"NETWORK": "n1"}


def test_a_port_is_a_number_and_0_is_none() -> None:
    def said(text: str) -> int | None:
        config = f"{{proxyMetadata: {{ENVOY_PROMETHEUS_PORT: '{text}'}}}}"
        return port(proxy_annotation(config), STATS)

    assert said("15090") == 15090
    assert said("0") is None
    for wrong in ("x", "70000", "-1"):
        with pytest.raises(ValueError, match="expected a port"):
            said(wrong)
