from __future__ import annotations

import pytest

from meltemi.proxy.boot.reading import read_proxy_config


def test_yaml_and_json_say_the_same() -> None:
    written = read_proxy_config('{"concurrency": 3, "drainDuration": "5s"}')
    assert written == read_proxy_config("concurrency: 3\ndrainDuration: 5s\n")
    assert read_proxy_config(written) is written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{concurency: 3}", "concurency"),
        ("{proxyAdminPort: 70000}", "proxyAdminPort"),
        ("{customConfigFile: /etc/envoy.json}", "customConfigFile is refused"),
        ("{proxyBootstrapTemplatePath: /t}", "proxyBootstrapTemplatePath is refused"),
        ("{privateKeyProvider: {qat: {pollDelay: 1s}}}", "privateKeyProvider"),
        ("{tracing: {lightstep: {address: 'a:1'}}}", r"tracing\.lightstep is refused"),
        ("{tracing: {openCensusAgent: {address: 'a:1'}}}", "openCensusAgent"),
        ("{statsdUdpAddress: 'statsd:8125'}", "IP:PORT"),
        ("{proxyMetadata: {ENVOY_PROMETHEUS_PORT: x}}", "ENVOY_PROMETHEUS_PORT"),
        (
            "{proxyMetadata: {ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS: many}}",
            "GLOBAL_DOWNSTREAM_MAX_CONNECTIONS",
        ),
        (
            "{tracing: {zipkin: {address: 'z:1'}, tlsSettings: {mode: MUTUAL}}}",
            "clientCertificate",
        ),
        (
            (
                "{envoyMetricsService: {address: 'm:1',"
                " tlsSettings: {mode: SIMPLE, credentialName: c}}}"
            ),
            "credentialName",
        ),
    ],
)
def test_what_cannot_be_meant_or_would_be_passed_over_is_refused(
    text: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_proxy_config(text)
