from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems, warnings

FULL = """
accessLogFile: /dev/stdout
trustDomain: example.org
trustDomainAliases: [old.example.org]
rootNamespace: istio-system
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
enableAutoMtls: true
connectTimeout: 10s
protocolDetectionTimeout: 0s
defaultServiceExportTo: ['*']
extensionProviders:
- name: authz
  envoyExtAuthzGrpc: {service: authz.default.svc.cluster.local, port: 9000}
- name: prometheus
  prometheus: {}
- name: log
  envoyFileAccessLog: {path: /dev/stdout, logFormat: {labels: {a: "%PROTOCOL%"}}}
defaultProviders: {metrics: [prometheus]}
defaultConfig:
  discoveryAddress: pilot.default:15010
  concurrency: 2
  tracing: {zipkin: {address: "$(HOST_IP):9411"}, sampling: 10}
  proxyMetadata: {A: b}
  connectionSettings: {profile: EDGE}
pathNormalization: {normalization: MERGE_SLASHES}
meshMTLS: {minProtocolVersion: TLSV1_3}
localityLbSetting: {enabled: true}
defaultHttpRetryPolicy: {attempts: 0}
"""


def test_what_people_have_in_their_mesh_yaml_is_right() -> None:
    assert problems("MeshConfig", FULL, name="default") == []
    machines = "no agent takes it from the mesh: it is its machine's to say"
    assert warnings("MeshConfig", FULL, name="default") == [
        f"spec.defaultConfig.discoveryAddress: {machines}",
        f'spec.defaultConfig.proxyMetadata["A"]: {machines}',
    ]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            "proxyListenPort: 70000",
            "spec.proxyListenPort: must be from 1 to 65535, got 70000",
        ),
        ("connectTimeout: 2h", "spec.connectTimeout: must be at most 1h, got 7200s"),
        ("trustDomain: a_b", "spec.trustDomain: 'a_b' is not a trust domain"),
        (
            "trustDomainAliases: ['']",
            "spec.trustDomainAliases[0]: '' is not a trust domain",
        ),
        ("rootNamespace: a.b", "spec.rootNamespace: 'a.b' is not a namespace"),
        (
            "defaultServiceExportTo: ['*', a]",
            "spec.defaultServiceExportTo: '*' already exports everywhere",
        ),
        (
            "extensionProviders: [{name: a, prometheus: {}}, {name: a, prometheus: {}}]",
            "spec.extensionProviders[1].name: provider 'a' stands twice",
        ),
        (
            "extensionProviders: [{name: a}]",
            "spec.extensionProviders[0]: a provider is required",
        ),
        (
            "defaultConfig: {discoveryAddress: pilot}",
            "spec.defaultConfig.discoveryAddress: 'pilot' is not HOST:PORT",
        ),
        (
            "serviceSettings: [{hosts: [a..b]}]",
            "spec.serviceSettings[0].hosts[0]: 'a..b' is not a host",
        ),
        (
            "meshMTLS: {ecdhCurves: [P-256]}",
            "spec.meshMTLS.ecdhCurves: curves between workloads cannot be chosen",
        ),
        (
            "defaultTrafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}",
            (
                "spec.defaultTrafficPolicy.outlierDetection.maxEjectionPercent: must be from "
                "0 to 100, got 101"
            ),
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("MeshConfig", spec, name="default")


@pytest.mark.parametrize("kind", ["MeshConfig", "MeshNetworks"])
def test_a_mesh_has_one_of_each_document(kind: str) -> None:
    told = "metadata.name: a mesh has one, called 'default', not 'other'"
    assert problems(kind, "{}", name="other") == [told]


def test_unknown_and_repeated_curves_are_warned_of() -> None:
    spec = "tlsDefaults: {ecdhCurves: [P-256, P-256, P-1]}"
    assert warnings("MeshConfig", spec, name="default") == [
        "spec.tlsDefaults.ecdhCurves[1]: 'P-256' stands twice",
        "spec.tlsDefaults.ecdhCurves[2]: 'P-1' is no known curve",
    ]


def test_an_authority_must_be_readable_and_fetched_safely() -> None:
    found = problems(
        "MeshConfig",
        """
        caCertificates:
        - {pem: rubbish, trustDomains: [partner.example]}
        - {spiffeBundleUrl: 'http://partner.example/b', trustDomains: ['a b']}
        """,
        name="default",
    )
    assert [each.partition(":")[0] for each in found] == [
        "spec.caCertificates[0].pem",
        "spec.caCertificates[1].trustDomains[0]",
        "spec.caCertificates[1].spiffeBundleUrl",
    ]


def test_signers_of_kubernetes_sign_nothing_here() -> None:
    found = warnings(
        "MeshConfig",
        """
        caCertificates:
        - {spiffeBundleUrl: 'https://partner.example/b', certSigners: [a.example/b]}
        """,
        name="default",
    )
    assert any("certSigners" in each for each in found)
