from __future__ import annotations

from meltemi.config.heard import refusals, unheard
from meltemi.config.proxy_annotation import proxy_annotation


def test_what_no_agent_reads_is_told_by_its_name() -> None:
    config = proxy_annotation(
        "{concurrency: 4, statNameLength: 200, extraStatTags: [x],"
        " image: {imageType: debug}, tracing: {sampling: 5, zipkin: {address: 'z:1'}},"
        " connectionSettings: {globalDownstreamConnectionLimit: 9,"
        " httpIdleTimeout: 5s}, proxyMetadata: {A: b, ISTIO_META_X: z}}"
    )
    assert list(unheard(config)) == [
        "statNameLength",
        "extraStatTags",
        "image",
        "connectionSettings.httpIdleTimeout",
        "tracing.sampling",
        "proxyMetadata.A",
    ]


def test_what_no_agent_starts_with_is_told_with_its_reason() -> None:
    config = proxy_annotation(
        "{customConfigFile: /x, tracing: {lightstep: {address: 'l:1'}}}"
    )
    assert [each.partition(" ")[0] for each in refusals(config)] == [
        "customConfigFile",
        "tracing.lightstep",
    ]
