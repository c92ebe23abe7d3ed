from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems, warnings

GOOD = """
host: reviews.prod.svc.cluster.local
trafficPolicy:
  loadBalancer: {simple: LEAST_REQUEST}
  connectionPool:
    tcp: {maxConnections: 10, connectTimeout: 30ms}
    http: {http2MaxRequests: 1000, idleTimeout: 1h}
  outlierDetection: {consecutive5xxErrors: 7, interval: 5m, maxEjectionPercent: 50}
  tls: {mode: ISTIO_MUTUAL}
  portLevelSettings:
  - port: {number: 80}
    loadBalancer: {consistentHash: {httpCookie: {name: user, ttl: 0s}}}
subsets:
- name: v1
  labels: {version: v1}
- name: v2
  labels: {version: v2}
  trafficPolicy:
    loadBalancer:
      consistentHash: {httpHeaderName: x, maglev: {tableSize: 65537}}
exportTo: ['.']
workloadSelector: {matchLabels: {app: a}}
"""


def test_a_full_rule_is_right() -> None:
    assert problems("DestinationRule", GOOD) == []


def policy(text: str) -> str:
    return f"host: a\ntrafficPolicy:\n  {text}"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("host: ''", "spec.host: '' is not a host"),
        (
            "host: a\nsubsets: [{name: v1}, {name: v1}]",
            "spec.subsets[1].name: subset 'v1' stands twice",
        ),
        ("host: a\nsubsets: [{name: ''}]", "spec.subsets[0].name: '' is not a name"),
        (
            "host: a\nsubsets: [{name: v, labels: {a: '*'}}]",
            'spec.subsets[0].labels["a"]: a wildcard is not supported in a selector',
        ),
        (
            "host: a\nworkloadSelector: {matchLabels: {'': a}}",
            'spec.workloadSelector.matchLabels[""]: a label\'s key must not be empty',
        ),
        (
            policy("connectionPool: {tcp: {maxConnections: -1}}"),
            (
                "spec.trafficPolicy.connectionPool.tcp.maxConnections: must not be "
                "negative, got -1"
            ),
        ),
        (
            policy("connectionPool: {tcp: {connectTimeout: 1us}}"),
            (
                "spec.trafficPolicy.connectionPool.tcp.connectTimeout: must be at least "
                "1ms, got 0.000001s"
            ),
        ),
        (
            policy("connectionPool: {http: {maxRetries: -2}}"),
            (
                "spec.trafficPolicy.connectionPool.http.maxRetries: must not be "
                "negative, got -2"
            ),
        ),
        (
            policy("outlierDetection: {maxEjectionPercent: 101}"),
            (
                "spec.trafficPolicy.outlierDetection.maxEjectionPercent: must be from 0 "
                "to 100, got 101"
            ),
        ),
        (
            policy("outlierDetection: {interval: 0s}"),
            (
                "spec.trafficPolicy.outlierDetection.interval: must be at least 1ms, got "
                "0s"
            ),
        ),
        (
            policy("outlierDetection: {consecutiveLocalOriginFailures: 3}"),
            (
                "spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures: "
                "needs splitExternalLocalOriginErrors: true"
            ),
        ),
        (
            policy("loadBalancer: {consistentHash: {ringHash: {}}}"),
            "spec.trafficPolicy.loadBalancer.consistentHash: a hash key is required",
        ),
        (
            policy(
                "loadBalancer: {consistentHash: {useSourceIp: true, "
                "maglev: {tableSize: 5000012}}}"
            ),
            (
                "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize: must "
                "be at most 5000011, got 5000012"
            ),
        ),
        (
            policy(
                "loadBalancer: {localityLbSetting: "
                "{distribute: [{from: a, to: {b: 99}}]}}"
            ),
            (
                "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to: the "
                "shares add up to 99, not 100"
            ),
        ),
        (
            policy(
                "loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}], "
                "distribute: [{from: a, to: {b: 100}}]}}"
            ),
            (
                "spec.trafficPolicy.loadBalancer.localityLbSetting: distribute excludes "
                "failover and failoverPriority"
            ),
        ),
        (
            policy("tls: {mode: MUTUAL, privateKey: /k}"),
            (
                "spec.trafficPolicy.tls.clientCertificate: mode MUTUAL needs "
                "clientCertificate"
            ),
        ),
        (
            policy("tls: {mode: ISTIO_MUTUAL, caCertificates: /c}"),
            (
                "spec.trafficPolicy.tls.caCertificates: ISTIO_MUTUAL uses the mesh's own "
                "certificates"
            ),
        ),
        (
            policy("tls: {mode: SIMPLE, credentialName: c, caCertificates: /c}"),
            "spec.trafficPolicy.tls: credentialName excludes paths of certificates",
        ),
        (
            policy("tls: {mode: SIMPLE, insecureSkipVerify: on, subjectAltNames: [a]}"),
            (
                "spec.trafficPolicy.tls.subjectAltNames: means nothing with "
                "insecureSkipVerify"
            ),
        ),
        (
            policy("portLevelSettings: [{loadBalancer: {simple: RANDOM}}]"),
            (
                "spec.trafficPolicy.portLevelSettings[0].port.number: a port number is "
                "required"
            ),
        ),
        (
            policy("portLevelSettings: [{port: {number: 1}}, {port: {number: 1}}]"),
            (
                "spec.trafficPolicy.portLevelSettings[1].port.number: port number 1 "
                "stands twice"
            ),
        ),
        (
            policy("tunnel: {targetHost: a, targetPort: 0}"),
            "spec.trafficPolicy.tunnel.targetPort: must be from 1 to 65535, got 0",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("DestinationRule", spec)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            policy(
                "loadBalancer: {consistentHash: {useSourceIp: true, "
                "maglev: {tableSize: 4}}}"
            ),
            (
                "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize: Envoy "
                "refuses 4: it must be a prime number"
            ),
        ),
        (
            policy(
                "loadBalancer: {consistentHash: {useSourceIp: true, "
                "minimumRingSize: 5}}"
            ),
            (
                "spec.trafficPolicy.loadBalancer.consistentHash.minimumRingSize: is "
                "deprecated"
            ),
        ),
        (
            policy("connectionPool: {http: {http2KeepAlive: {interval: 5s}}}"),
            (
                "spec.trafficPolicy.connectionPool.http.http2KeepAlive: has no effect "
                "without both interval and timeout"
            ),
        ),
        (
            policy("outlierDetection: {consecutiveErrors: 5}"),
            "spec.trafficPolicy.outlierDetection.consecutiveErrors: is deprecated",
        ),
        (
            "host: a\nworkloadSelector: {}",
            (
                "spec.workloadSelector: a selector without labels selects every workload "
                "of the namespace"
            ),
        ),
    ],
)
def test_what_is_doubtful_is_warned_of(spec: str, told: str) -> None:
    assert warnings("DestinationRule", spec) == [told]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("host: a\ntrafficPolicy: {}", "spec.trafficPolicy: says nothing"),
        (
            policy("connectionPool: {}"),
            "spec.trafficPolicy.connectionPool: says nothing",
        ),
        (
            policy("portLevelSettings: [{port: {number: 1}}]"),
            "spec.trafficPolicy.portLevelSettings[0]: says nothing about the port",
        ),
        (
            policy("loadBalancer: {consistentHash: {useSourceIp: true, maglev: {}}}"),
            (
                "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize: a size "
                "is required"
            ),
        ),
        (
            policy(
                "connectionPool: {http: {h2UpgradePolicy: UPGRADE, "
                "useClientProtocol: true}}"
            ),
            (
                "spec.trafficPolicy.connectionPool.http.useClientProtocol: excludes "
                "h2UpgradePolicy UPGRADE"
            ),
        ),
        (
            policy("tunnel: {targetHost: a, targetPort: 1, protocol: GET}"),
            ("spec.trafficPolicy.tunnel.protocol: must be CONNECT or POST, got 'GET'"),
        ),
        (
            "host: a\nworkloadSelector: {matchLabels: {a: b}}\nexportTo: [other]",
            (
                "spec.exportTo: with a workloadSelector it holds in its own namespace "
                "only"
            ),
        ),
        ("host: 1.2.3.4", "spec.host: '1.2.3.4' is not a host"),
    ],
)
def test_what_says_nothing_or_two_things_is_refused(spec: str, told: str) -> None:
    assert told in problems("DestinationRule", spec)
