"""What an Envoy starts with, from what a ProxyConfig says."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from meltemi.config.heard import PORTS
from meltemi.proxy.bootstrap import bootstrap as made_bootstrap
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import read_settings
from meltemi.testkit.conformance.case import Case, SkippedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Json = dict[str, Any]

MESSAGE: Final = "envoy.config.bootstrap.v3.Bootstrap"
ENDING: Final = "_golden.json"

PATHS: Final = (
    "node",
    "admin/profile_path",
    "cluster_manager/outlier_detection",
    "static_resources/clusters/xds-grpc/load_assignment",
    "static_resources/clusters/sds-grpc/load_assignment",
)
"""Paths, node id and metadata, which the data says are not to be compared."""

DIFFERENT: Final = (
    "admin/access_log",
    "admin/ignore_global_conn_limit",
    "application_log_config",
    "bootstrap_extensions",
    "dynamic_resources/ads_config/grpc_services/*/envoy_grpc/retry_policy",
    (
        "layered_runtime/layers/global config/static_layer/envoy.deprecated_features:"
        "envoy.config.listener.v3.Listener.hidden_envoy_deprecated_use_original_dst"
    ),
    "static_resources/clusters/agent",
    "static_resources/clusters/*/alt_stat_name",
    (
        "static_resources/clusters/*/typed_extension_protocol_options/*/"
        "explicit_http_config/http2_protocol_options/enable_huffman_encoding"
    ),
    "static_resources/clusters/sds-grpc/circuit_breakers",
    "static_resources/clusters/xds-grpc/max_requests_per_connection",
    "static_resources/clusters/xds-grpc/upstream_connection_options",
    "static_resources/listeners/0.0.0.0_15021",
    "stats_config/stats_tags",
    "stats_config/use_all_default_tags",
)
"""What docs/differences.md lists, with a reason each. A step is a field, the name of
an item, or * for each."""

USUAL: Final = {
    "AGENT_NAME": "proxy",
    "AGENT_SERVICE_ACCOUNT": "default",
    "AGENT_CITADEL_BOOTSTRAP": "127.0.0.1:15012",
    "AGENT_CITADEL_RENEWAL": "127.0.0.1:15013",
    "AGENT_ROOT_CERT_FILE": "/run/roots.pem",
    "AGENT_PILOTS": "127.0.0.1:15011",
    "AGENT_RUN_DIR": "/run/agent",
}
OF_THE_TEST: Final = ("customConfigFile", "configPath")
"""Istio's test names a template and a folder, wherever it runs."""

FLUSH: Final = "sidecar.istio.io/statsFlushInterval"


def bootstrap(folder: Path) -> Iterator[Case]:
    """Yield a case for each answer; what was asked stands in its node metadata.

    There it is whole: with what the environment of Istio's test added to the file
    beside it.
    """
    tools = str(folder.parent / "tools")
    if tools not in sys.path:
        sys.path.append(tools)
    for path in sorted((folder / "testdata").glob(f"*{ENDING}")):
        name = path.name.removesuffix(ENDING)
        yield Case(name, partial(_judge, path))


def _judge(path: Path) -> str:
    wanted = json.loads(path.read_text("utf-8"))
    metadata = wanted["node"]["metadata"]
    if metadata.get("METADATA_DISCOVERY") == "true":
        raise SkippedError("needs ambient mode")
    settings = read_settings(AgentSettings, _environ(metadata))
    found = json.loads(made_bootstrap(settings))
    compare = import_module("compare")
    hard, _ = compare.differences(MESSAGE, _bare(wanted), _bare(found))
    return "; ".join(str(each)[:300] for each in hard)


def _environ(metadata: Json) -> dict[str, str]:
    config = {
        key: each
        for key, each in metadata["PROXY_CONFIG"].items()
        if key not in OF_THE_TEST
    }
    ports = {key: str(metadata[key]) for key in PORTS if key in metadata}
    config["proxyMetadata"] = {**config.get("proxyMetadata", {}), **ports}
    environ = {**USUAL, "AGENT_PROXY_CONFIG": json.dumps(config)}
    flush = metadata.get("ANNOTATIONS", {}).get(FLUSH)
    if flush:
        environ["AGENT_STATS_FLUSH_SECONDS"] = flush.removesuffix("s")
    return environ


def _bare(document: Json) -> Json:
    """Return ``document`` without what is not compared, its clusters by name."""
    made: Json = json.loads(json.dumps(document))
    tracer = made.get("tracing", {}).get("http", {}).get("typed_config", {})
    if tracer.get("service_name") == made["node"]["cluster"]:
        tracer["service_name"] = "the node's cluster"
    for path in (*PATHS, *DIFFERENT):
        _drop(made, path.split("/"))
    made["static_resources"]["clusters"].sort(key=lambda each: str(each["name"]))
    return made


def _drop(held: Any, steps: list[str]) -> None:
    step, *others = steps
    if isinstance(held, dict):
        chosen: list[Any] = [key for key in held if step in (key, "*")]
    elif isinstance(held, list):
        named = [each.get("name") for each in held]
        chosen = [at for at, name in enumerate(named) if step in (name, "*")]
    else:
        return
    for at in reversed(chosen):
        if others:
            _drop(held[at], others)
        else:
            del held[at]
