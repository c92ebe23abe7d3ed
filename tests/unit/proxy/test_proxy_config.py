"""What a ProxyConfig changes in the bootstrap, and in how Envoy is started."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from meltemi.kernel.errors import MeshError
from meltemi.proxy.__main__ import warn_of_unheard
from meltemi.proxy.adapters.envoy_binary import find_envoy
from meltemi.proxy.bootstrap import bootstrap
from meltemi.proxy.envoy_argv import envoy_argv
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import read_settings

ENVIRON: Final = {
    "AGENT_NAME": "reviews-v1",
    "AGENT_SERVICE_ACCOUNT": "reviews",
    "AGENT_CITADEL_BOOTSTRAP": "127.0.0.1:21060",
    "AGENT_CITADEL_RENEWAL": "127.0.0.1:21061",
    "AGENT_ROOT_CERT_FILE": "/run/mesh/root-cert.pem",
    "AGENT_PILOTS": "127.0.0.1:21010",
    "AGENT_RUN_DIR": "/run/mesh/reviews-v1",
    "AGENT_STATUS_ADDRESS": "127.0.0.1:21501",
}
ADMIN: Final = "{proxyAdminPort: 1}"
WHOLE: Final = """
concurrency: 3
drainDuration: 7s
proxyAdminPort: 21500
fileFlushInterval: 250ms
fileFlushMinSizeKb: 8
serviceCluster: shop
statsdUdpAddress: 10.1.1.1:9125
envoyMetricsService:
  address: metrics:15000
  tlsSettings: {mode: ISTIO_MUTUAL}
  tcpKeepalive: {time: 10s, interval: 5s, probes: 3}
envoyAccessLogService: {address: "logs:15000"}
tracing:
  zipkin: {address: "zipkin:9411"}
  tlsSettings: {mode: SIMPLE, subjectAltNames: [zipkin]}
runtimeValues: {envoy.reloadable_features.explicit_internal_address_config: "true"}
connectionSettings: {globalDownstreamConnectionLimit: 1000}
proxyStatsMatcher: {inclusionPrefixes: [http.x]}
proxyMetadata:
  ENVOY_PROMETHEUS_PORT: "15090"
  ENVOY_SECURE_METRICS_PORT: "15091"
  ENVOY_SECURE_MERGED_METRICS_PORT: "15092"
  ISTIO_META_NETWORK: n1
  ISTIO_META_NAME: another
"""


def judged(folder: Path, read: AgentSettings) -> subprocess.CompletedProcess[str]:
    """Return what Envoy itself says of how it would be started."""
    file = folder / "envoy.json"
    file.write_text(bootstrap(read))
    argv = [*envoy_argv(find_envoy(None), file, read), "--mode", "validate"]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def settings(config: str, **changes: str) -> AgentSettings:
    environ = {**ENVIRON, "AGENT_PROXY_CONFIG": config, **changes}
    return read_settings(AgentSettings, environ)


@pytest.mark.parametrize(
    "config",
    [WHOLE, "{proxyAdminPort: 1, tracing: {datadog: {address: 'd:8126'}}}"],
    ids=["whole", "datadog"],
)
def test_envoy_itself_accepts_what_a_proxy_config_makes(
    tmp_path: Path, config: str
) -> None:
    found = judged(tmp_path, settings(config))
    assert found.returncode == 0, found.stderr


def test_whom_envoy_tells_is_a_cluster_and_a_sink() -> None:
    made = json.loads(bootstrap(settings(WHOLE, AGENT_STATS_FLUSH_SECONDS="10")))
    clusters = [each["name"] for each in made["static_resources"]["clusters"]]
    assert {"zipkin", "envoy_metrics_service", "envoy_accesslog_service"} < {*clusters}
    assert [each["name"] for each in made["stats_sinks"]] == [
        "envoy.stat_sinks.metrics_service",
        "envoy.stat_sinks.statsd",
    ]
    assert made["stats_flush_interval"] == "10s"
    assert made["tracing"]["http"]["name"] == "envoy.tracers.zipkin"


def test_a_port_of_statistics_is_a_listener_and_none_is_none() -> None:
    made = json.loads(bootstrap(settings(WHOLE)))["static_resources"]
    names = [each["name"] for each in made["listeners"]]
    assert names == ["0.0.0.0_15090", "0.0.0.0_15091", "0.0.0.0_15092"]
    _, own, merged = (each["filter_chains"][0] for each in made["listeners"])
    for secured in (own, merged):
        context = secured["transport_socket"]["typed_config"]
        assert context["require_client_certificate"] is True
    usual = json.loads(bootstrap(settings(ADMIN)))
    assert "listeners" not in usual["static_resources"]


def test_statistics_are_sent_as_they_are_where_compression_is_off() -> None:
    ports = "proxyMetadata: {ENVOY_PROMETHEUS_PORT: '15090'}, proxyAdminPort: 1"
    packed, plain = (
        bootstrap(settings(f"{{{ports}, statsCompression: {each}}}"))
        for each in ("true", "false")
    )
    assert "compressor.gzip" in packed
    assert "compressor" not in plain


def test_a_node_is_called_as_it_is_told_but_never_another_than_it_is() -> None:
    node = json.loads(bootstrap(settings(WHOLE)))["node"]
    assert node["cluster"] == "shop"
    assert node["metadata"]["NETWORK"] == "n1"
    assert node["metadata"]["NAME"] == "reviews-v1"


def test_envoy_is_started_as_the_proxy_config_says() -> None:
    argv = envoy_argv(Path("envoy"), Path("file"), settings(WHOLE))
    for option, value in (
        ("--concurrency", "3"),
        ("--drain-time-s", "7"),
        ("--file-flush-interval-msec", "250"),
        ("--file-flush-min-size-kb", "8"),
    ):
        assert argv[argv.index(option) + 1] == value


def test_a_setting_of_its_own_wins_over_the_proxy_config() -> None:
    read = settings(WHOLE, AGENT_CONCURRENCY="1", AGENT_ADMIN_ADDRESS="127.0.0.1:2")
    assert read.concurrency == 1
    assert read.admin_address.port == 2
    assert settings(WHOLE).stats_inclusion.prefixes == ("http.x",)


def test_a_proxy_config_that_cannot_be_meant_stops_the_start() -> None:
    with pytest.raises(MeshError, match="AGENT_PROXY_CONFIG: customConfigFile"):
        settings("{customConfigFile: /x}")


def test_envoy_merges_an_override_over_the_rest(tmp_path: Path) -> None:
    more = "static_resources: {clusters: [{name: mine, connect_timeout: 1s}]}"
    good = judged(tmp_path, settings(ADMIN, AGENT_BOOTSTRAP_OVERRIDE=more))
    assert good.returncode == 0, good.stderr
    bad = judged(tmp_path, settings(ADMIN, AGENT_BOOTSTRAP_OVERRIDE="{nodes: 1}"))
    assert bad.returncode != 0
    assert "nodes" in bad.stderr


@pytest.mark.parametrize("wrong", ["[1]", "text", "{a: 1}\n---\n{b: 1}", "{a: ["])
def test_an_override_that_is_no_object_stops_the_start(wrong: str) -> None:
    with pytest.raises(MeshError, match="AGENT_BOOTSTRAP_OVERRIDE"):
        settings(ADMIN, AGENT_BOOTSTRAP_OVERRIDE=wrong)


def listener_of(regex: str) -> str:
    """Return a part of a bootstrap: a listener whose one route matches ``regex``."""
    kinds = "type.googleapis.com/envoy.extensions.filters"
    route = {
        "match": {"safe_regex": {"regex": regex}},
        "direct_response": {"status": 200},
    }
    router = {"@type": f"{kinds}.http.router.v3.Router"}
    manager = {
        "@type": f"{kinds}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "http_filters": [{"name": "router", "typed_config": router}],
        "route_config": {
            "virtual_hosts": [{"name": "x", "domains": ["*"], "routes": [route]}]
        },
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 1}}
    listener = {"name": "x", "address": address, "filter_chains": [chain]}
    return json.dumps({"static_resources": {"listeners": [listener]}})


def test_a_route_may_have_as_long_an_expression_as_in_istio(tmp_path: Path) -> None:
    """A program of 215 steps; Envoy's own limit is 100."""
    override = listener_of("(a|b|c[0-9]+){30}x")
    found = judged(tmp_path, settings(ADMIN, AGENT_BOOTSTRAP_OVERRIDE=override))
    assert found.returncode == 0, found.stderr


def test_series_that_nobody_needs_are_forgotten_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    read = settings(ADMIN, AGENT_STATS_EVICTION_SECONDS="600")
    assert json.loads(bootstrap(read))["stats_eviction_interval"] == "600s"
    assert "stats_eviction_interval" not in bootstrap(settings(ADMIN))
    found = judged(tmp_path, read)
    assert found.returncode == 0, found.stderr


def test_an_eviction_that_envoy_would_refuse_stops_the_start() -> None:
    with pytest.raises(MeshError, match="multiple of 5 s"):
        settings(ADMIN, AGENT_STATS_EVICTION_SECONDS="7")
    flush = {"AGENT_STATS_FLUSH_SECONDS": "7"}
    read = settings(ADMIN, AGENT_STATS_EVICTION_SECONDS="14", **flush)
    assert read.stats_eviction_seconds == 14


def test_what_changes_nothing_is_logged_by_name() -> None:
    with capture_logs() as lines:
        warn_of_unheard(settings("{proxyAdminPort: 1, statNameLength: 200}"))
    assert [(each["event"], each["part"]) for each in lines] == [
        ("proxy_config_without_effect", "statNameLength")
    ]
