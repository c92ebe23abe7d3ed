from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems

TO = "[{destination: {host: a}}]"
GOOD = """
hosts: [reviews, '*.example.com']
gateways: [mesh, istio-system/edge, edge]
http:
- match:
  - uri: {regex: "/v[0-9]+/.*"}
    headers: {end-user: {exact: jason}, x: {}}
  route:
  - destination: {host: reviews, subset: v1, port: {number: 80}}
    weight: 150
  - destination: {host: reviews, subset: v2}
  timeout: 5s
  retries: {attempts: 3, perTryTimeout: 2s, retryOn: "5xx,503"}
  fault: {delay: {fixedDelay: 5s, percentage: {value: 0.1}}}
  mirror: {host: ratings}
  mirrorPercentage: {value: 10}
  rewrite: {uri: /}
  corsPolicy: {allowOrigins: [{regex: "https://.*"}], maxAge: 24h}
- redirect: {authority: b, redirectCode: 308}
- directResponse: {status: 503, body: {string: no}}
- delegate: {name: a, namespace: b}
tls:
- match: [{sniHosts: [a.example.com, 1.2.3.4], destinationSubnets: [10.0.0.0/8]}]
  route: [{destination: {host: a}}]
tcp:
- route: [{destination: {host: a}}]
""".replace("string: no", 'string: "no"')


def test_a_full_service_is_right() -> None:
    assert problems("VirtualService", GOOD) == []


def test_a_delegate_has_no_hosts() -> None:
    assert problems("VirtualService", f"http: [{{route: {TO}}}]") == []


def http(text: str) -> str:
    return f"hosts: [a]\nhttp:\n- {text}"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("hosts: [a]", "spec: at least one of http, tls and tcp is required"),
        (
            f"gateways: [g]\nhttp: [{{route: {TO}}}]",
            (
                "spec.gateways: a VirtualService without hosts is a delegate and has no "
                "gateways"
            ),
        ),
        (
            f"tcp: [{{route: {TO}}}]",
            "spec: a delegate (without hosts) may hold only http routes",
        ),
        (
            f"hosts: ['*']\nhttp: [{{route: {TO}}}]",
            "spec.hosts[0]: '*' is not allowed for traffic within the mesh",
        ),
        (
            f"hosts: [a, a]\nhttp: [{{route: {TO}}}]",
            "spec.hosts[1]: host 'a' stands twice",
        ),
        (
            f"hosts: [a]\ngateways: [ns/*]\nhttp: [{{route: {TO}}}]",
            "spec.gateways[0]: 'ns/*' is not a gateway's name",
        ),
        (
            http("match: []"),
            "spec.http[0]: the rule does nothing with what it matches",
        ),
        (
            http(f"route: {TO}\n  redirect: {{uri: /}}"),
            "spec.http[0]: only one may be set: route and redirect",
        ),
        (
            "http: [{delegate: {name: a}}]",
            "spec.http[0].delegate: a delegate may not delegate again",
        ),
        (
            http("route: [{destination: {host: '*'}}]"),
            "spec.http[0].route[0].destination.host: may not be '*'",
        ),
        (
            http("route: [{destination: {host: a, port: {}}}]"),
            (
                "spec.http[0].route[0].destination.port.number: must be from 1 to 65535, "
                "got 0"
            ),
        ),
        (
            http("route: [{destination: {host: a}}, {destination: {host: b}}]"),
            "spec.http[0].route: the weights add up to 0",
        ),
        (
            http("route: [{destination: {host: a}, weight: -1}]"),
            "spec.http[0].route[0].weight: must not be negative, got -1",
        ),
        (
            http(f"match: [{{port: 70000}}]\n  route: {TO}"),
            "spec.http[0].match[0].port: must be from 1 to 65535, got 70000",
        ),
        (
            http(f"match: [{{headers: {{'': {{exact: a}}}}}}]\n  route: {TO}"),
            "spec.http[0].match[0].headers: a header's name must not be empty",
        ),
        (
            http(f"match: [{{uri: {{regex: '(?=a)'}}}}]\n  route: {TO}"),
            (
                "spec.http[0].match[0].uri.regex: RE2 refuses '(?=a)': invalid perl "
                "operator: (?="
            ),
        ),
        (
            http(f"timeout: 1us\n  route: {TO}"),
            "spec.http[0].timeout: must be at least 1ms, got 0.000001s",
        ),
        (
            http(f"timeout: 0s\n  route: {TO}"),
            "spec.http[0].timeout: must be at least 1ms, got 0s",
        ),
        (
            http(f"timeout: 1500us\n  route: {TO}"),
            "spec.http[0].timeout: must be whole milliseconds, got 0.0015s",
        ),
        (
            http(f"retries: {{attempts: -1}}\n  route: {TO}"),
            "spec.http[0].retries.attempts: must not be negative, got -1",
        ),
        (
            http(f"fault: {{}}\n  route: {TO}"),
            "spec.http[0].fault: a delay or an abort is required",
        ),
        (
            http(f"fault: {{delay: {{exponentialDelay: 1s}}}}\n  route: {TO}"),
            (
                "spec.http[0].fault.delay.exponentialDelay: is not supported, here as in "
                "Istio"
            ),
        ),
        (
            http(
                "fault: {delay: {fixedDelay: 1s, percentage: {value: 101}}}\n"
                f"  route: {TO}"
            ),
            (
                "spec.http[0].fault.delay.percentage.value: must be from 0 to 100, got "
                "101.0"
            ),
        ),
        (
            http(f"fault: {{abort: {{httpStatus: 600}}}}\n  route: {TO}"),
            "spec.http[0].fault.abort.httpStatus: must be from 200 to 599, got 600",
        ),
        (
            http(f"fault: {{abort: {{grpcStatus: NOPE}}}}\n  route: {TO}"),
            "spec.http[0].fault.abort.grpcStatus: 'NOPE' is no gRPC status",
        ),
        (
            http("redirect: {redirectCode: 317}"),
            "spec.http[0].redirect.redirectCode: 317 is no redirect",
        ),
        (
            http("redirect: {uri: /, prefixRewrite: /}"),
            "spec.http[0].redirect.prefixRewrite: excludes uri",
        ),
        (
            http("redirect: {uri: /}\n  rewrite: {uri: /}"),
            "spec.http[0].rewrite: has no meaning with redirect",
        ),
        (
            http("directResponse: {status: 99}"),
            "spec.http[0].directResponse.status: must be from 200 to 599, got 99",
        ),
        (
            http(
                f"mirror: {{host: a}}\n  mirrors: [{{destination: {{host: b}}}}]\n  route: {TO}"
            ),
            "spec.http[0].mirrors: excludes mirror",
        ),
        (
            http(f"mirror: {{host: a}}\n  mirrorPercent: 101\n  route: {TO}"),
            "spec.http[0].mirrorPercent: must be from 0 to 100, got 101",
        ),
        (
            http(f"rewrite: {{}}\n  route: {TO}"),
            (
                "spec.http[0].rewrite: one of uri, authority and uriRegexRewrite is "
                "required"
            ),
        ),
        (
            http(
                "rewrite: {authority: b}\n"
                f"  headers: {{request: {{set: {{Host: c}}}}}}\n  route: {TO}"
            ),
            (
                "spec.http[0].rewrite.authority: rewrite.authority and a request header "
                "change the same"
            ),
        ),
        (
            http(f"headers: {{response: {{add: {{'a b': c}}}}}}\n  route: {TO}"),
            "spec.http[0].headers.response.add: 'a b' is not a header's name",
        ),
        (
            f"hosts: [a]\ntls: [{{route: {TO}}}]",
            "spec.tls[0].match: a tls route needs at least one match",
        ),
        (
            f"hosts: [a.b]\ntls: [{{match: [{{sniHosts: [c.d]}}], route: {TO}}}]",
            (
                "spec.tls[0].match[0].sniHosts[0]: 'c.d' is not within the hosts of this "
                "VirtualService"
            ),
        ),
        (
            "hosts: [a.b]\ntls: [{match: [{sniHosts: [a.b]}]}]",
            "spec.tls[0].route: a destination is required",
        ),
        (
            f"hosts: [a]\ntcp: [{{match: [{{destinationSubnets: [x]}}], route: {TO}}}]",
            (
                "spec.tcp[0].match[0].destinationSubnets[0]: 'x' is neither an IP "
                "address nor a CIDR range"
            ),
        ),
        (
            f"hosts: [a]\ntcp: [{{match: [{{gateways: ['*']}}], route: {TO}}}]",
            "spec.tcp[0].match[0].gateways[0]: '*' is not a gateway's name",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("VirtualService", spec)
