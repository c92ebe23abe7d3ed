from __future__ import annotations

from meltemi.config.proxy_annotation import proxy_annotation
from meltemi.proxy.boot.limits import UNLIMITED, connections, runtime

IN_FIELD = "connectionSettings: {globalDownstreamConnectionLimit: 3}"
IN_METADATA = "proxyMetadata: {ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS: '2'}"
IN_RUNTIME = "runtimeValues: {overload.global_downstream_max_connections: '1'}"


def limit(*said: str) -> int:
    return connections(proxy_annotation(f"{{{', '.join(said)}}}"))


def test_the_field_wins_over_metadata_and_metadata_over_runtime() -> None:
    assert limit(IN_FIELD, IN_METADATA, IN_RUNTIME) == 3
    assert limit(IN_METADATA, IN_RUNTIME) == 2
    assert limit(IN_RUNTIME) == 1
    assert limit() == UNLIMITED


def test_runtime_values_go_over_the_usual_ones_and_empty_takes_one_away() -> None:
    config = proxy_annotation(
        "{runtimeValues: {a: 'true', b: 'false', c: '5',"
        " re2.max_program_size.error_level: ''}}"
    )
    made = runtime(config)
    assert isinstance(made, dict)
    assert made["layers"] == [
        {
            "name": "global config",
            "static_layer": {
                "envoy.reloadable_features.coalesce_lb_rebuilds_on_batch_update": False,
                "envoy.reloadable_features.fixed_heap_use_allocated": True,
                "envoy.reloadable_features.http_reject_path_with_fragment": False,
                "a": True,
                "b": False,
                "c": "5",
            },
        },
        {"name": "admin", "admin_layer": {}},
    ]
