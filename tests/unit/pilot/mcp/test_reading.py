"""Reading objects as Istio's protobuf spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from google.protobuf.json_format import ParseDict

from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.config.values import encode_value
from meltemi.pilot.mcp.envelope import Envelope
from meltemi.pilot.mcp.messages import message_class
from meltemi.pilot.mcp.numbers import GAP, NUMBERED
from meltemi.pilot.mcp.reading import UnreadableResourceError, read
from meltemi.testkit.mesh import resources

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

ROUTES = """
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: reviews, namespace: shop}
    spec:
      hosts: [reviews.shop.svc.cluster.local]
      gateways: [mesh, shop/entry]
      exportTo: [".", other]
      http:
      - name: tested
        match:
        - uri: {prefix: /v2}
          headers: {end-user: {exact: jason}}
          withoutHeaders: {x-off: {regex: ".+"}}
          queryParams: {q: {prefix: a}}
          ignoreUriCase: true
          sourceLabels: {app: web}
          port: 80
        route:
        - destination: {host: reviews, subset: v2, port: {number: 9080}}
          weight: 30
          headers: {request: {set: {a: b}, remove: [c]}, response: {add: {d: e}}}
        - {destination: {host: reviews, subset: v1}, weight: 70}
        timeout: 5s
        retries:
          attempts: 3
          perTryTimeout: 0.250s
          retryOn: 5xx
          retryRemoteLocalities: false
        fault:
          delay: {fixedDelay: 2s, percentage: {value: 0.5}}
          abort: {httpStatus: 503, percentage: {value: 10}}
        mirrors: [{destination: {host: shadow}, percentage: {value: 1}}]
        corsPolicy:
          allowOrigins: [{exact: "https://example.com"}]
          allowMethods: [GET]
          allowCredentials: true
          maxAge: 86400s
          unmatchedPreflights: IGNORE
      - redirect: {authority: new.example.com, redirectCode: 302, scheme: https}
      - directResponse: {status: 418, body: {string: short}}
      - delegate: {name: more, namespace: shop}
      tls:
      - match: [{sniHosts: [reviews.shop.svc.cluster.local], port: 443, sourceNamespace: shop}]
        route: [{destination: {host: a}}]
      tcp:
      - match: [{destinationSubnets: [10.0.0.0/8], gateways: [mesh]}]
        route: [{destination: {host: b}, weight: 100}]
    """
SERVICE = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews, namespace: shop, labels: {team: a}}
    spec:
      hosts: [reviews.example.com]
      addresses: [10.0.0.1]
      location: MESH_INTERNAL
      resolution: STATIC
      ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
      exportTo: ["*"]
      subjectAltNames: ["spiffe://cluster.local/ns/shop/sa/reviews"]
      endpoints:
      - address: 192.168.0.1
        ports: {http: 9080}
        labels: {version: v1}
        network: north
        locality: a/b/c
        weight: 3
        serviceAccount: reviews
    """
SIDECAR = """
    apiVersion: networking.istio.io/v1
    kind: Sidecar
    metadata: {name: narrow, namespace: shop}
    spec:
      workloadSelector: {labels: {app: reviews}}
      ingress:
      - port: {number: 9080, protocol: HTTPS, name: in}
        bind: 10.0.0.1
        captureMode: NONE
        defaultEndpoint: 127.0.0.1:8080
        tls:
          mode: SIMPLE
          serverCertificate: /etc/cert
          privateKey: /etc/key
          minProtocolVersion: TLSV1_3
        connectionPool: {http: {http2KeepAlive: {interval: 30s, timeout: 5s}}}
      egress:
      - port: {number: 9100, protocol: TCP, name: out}
        bind: 127.0.0.1
        hosts: [other/*]
      - hosts: ["./*", shop/b.example.com]
      inboundConnectionPool:
        tcp: {maxConnections: 7, connectTimeout: 0.500s, tcpKeepalive: {probes: 3, time: 60s}}
        http: {http2MaxRequests: 9, h2UpgradePolicy: UPGRADE}
      outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: out.shop.svc.cluster.local, port: {number: 80}}}
    """
GATEWAY = """
    apiVersion: networking.istio.io/v1
    kind: Gateway
    metadata: {name: entry, namespace: shop}
    spec:
      selector: {app: edge}
      servers:
      - port: {number: 443, protocol: HTTPS, name: web}
        bind: 0.0.0.0
        name: first
        defaultEndpoint: 127.0.0.1:8080
        hosts: ["shop/*.example.com"]
        tls:
          mode: MUTUAL
          credentialName: web
          caCertCredentialName: roots
          subjectAltNames: [a.example.com]
          verifyCertificateSpki: [spki]
          verifyCertificateHash: [hash]
          maxProtocolVersion: TLSV1_2
          cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]
          ecdhCurves: [P-256]
          insecureSkipVerify: true
      - port: {number: 80, protocol: HTTP, name: plain}
        hosts: ["*"]
        tls: {httpsRedirect: true}
      - port: {number: 8443, protocol: HTTPS, name: more}
        hosts: ["*.example.org"]
        tls:
          mode: SIMPLE
          tlsCertificates: [{serverCertificate: /etc/c, privateKey: /etc/k, caCertificates: /etc/r}]
    """


def sent(resource: Resource[Message]) -> bytes:
    """Return an object as a server of configuration would send it."""
    kind = type(resource.spec)
    spec = msgspec.to_builtins(resource.spec, enc_hook=encode_value)
    metadata = resource.metadata
    envelope = {
        "metadata": {
            "name": f"{metadata.namespace}/{metadata.name}",
            "createTime": {"seconds": 1_700_000_000},
            "labels": dict(metadata.labels),
        }
    }
    body = ParseDict(spec, message_class(kind)()).SerializeToString()
    found = ParseDict(envelope, message_class(Envelope)())
    any_body = message_class(Envelope)()
    url = f"type.googleapis.com/istio.networking.v1alpha3.{kind.__name__}"
    ParseDict({"body": {"typeUrl": url}}, any_body)
    whole = found.SerializeToString() + any_body.SerializeToString()
    return whole + _field(2, _field(2, body))


def _field(number: int, data: bytes) -> bytes:
    size, length = bytearray(), len(data)
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2]) + bytes(size) + bytes([length]) + data


@pytest.mark.parametrize("text", [ROUTES, SERVICE, SIDECAR, GATEWAY])
def test_an_object_comes_out_as_it_was_written(text: str) -> None:
    (written,) = resources(text)
    found = read(type(written.spec), sent(written))
    assert found.spec == written.spec
    assert found.key == written.key
    assert found.metadata.labels == written.metadata.labels
    assert found.metadata.creation_timestamp == "2023-11-14T22:13:20Z"


def test_every_field_of_the_schema_has_its_number() -> None:
    for kind, words in NUMBERED.items():
        known = {each.name for each in msgspec.structs.fields(kind)}
        assert set(words.split()) - {GAP} == known, kind.__name__


def test_a_field_nobody_knows_is_refused_by_its_number() -> None:
    (written,) = resources(SERVICE)
    strange = sent(written) + _field(2, _field(2, _field(3, _field(15, b"x"))))
    with pytest.raises(UnreadableResourceError, match="number 15 of ServicePort"):
        read(ServiceEntry, strange)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"\xff", "an envelope"),
        (_field(1, _field(1, b"no-namespace")), "missing required field `body`"),
        (_field(1, _field(1, b"a/b")) + _field(2, _field(1, b"x")), "found 'x'"),
    ],
)
def test_what_is_no_object_is_refused_by_what_it_lacks(
    value: bytes, words: str
) -> None:
    with pytest.raises(UnreadableResourceError, match=words):
        read(VirtualService, value)
