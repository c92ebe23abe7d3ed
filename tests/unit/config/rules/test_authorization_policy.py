from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems, warnings

KIND = "AuthorizationPolicy"


def source(text: str) -> str:
    return f"rules: [{{from: [{{source: {{{text}}}}}]}}]"


def operation(text: str) -> str:
    return f"rules: [{{to: [{{operation: {{{text}}}}}]}}]"


@pytest.mark.parametrize(
    "spec",
    [
        "{}",
        "action: DENY\nrules: [{}]",
        "action: CUSTOM\nprovider: {name: p}\nrules: [{}]",
        "selector: {matchLabels: {app: a}}\nrules: [{}]",
        "targetRefs: [{kind: Service, name: a}]",
        "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: a}]",
        source("principals: ['*'], notIpBlocks: [10.0.0.0/8]"),
        source("serviceAccounts: [a, ns/b]"),
        operation("paths: ['/a/{*}/b', '/a/{**}', '/a*'], ports: ['80']"),
        "rules: [{when: [{key: 'request.headers[x-id]', values: [a]}]}]",
        "rules: [{when: [{key: 'request.auth.claims[a][b]', notValues: [a]}]}]",
        "rules: [{when: [{key: source.ip, values: [1.2.3.4, 10.0.0.0/8]}]}]",
    ],
)
def test_the_usual_policies_are_right(spec: str) -> None:
    assert problems(KIND, spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("action: DENY", "spec.rules: DENY without rules never acts"),
        (
            "action: CUSTOM\nrules: [{}]",
            "spec.provider.name: CUSTOM needs a provider's name",
        ),
        ("provider: {name: a}", "spec.provider: is for action CUSTOM only"),
        (
            "selector: {matchLabels: {a: b}}\ntargetRefs: [{kind: Service, name: a}]",
            "spec: only one may be set: selector and targetRefs",
        ),
        (
            "targetRef: {group: wrong, kind: Gateway, name: a}",
            "spec.targetRef.kind: wrong/Gateway cannot be a target",
        ),
        (
            "targetRef: {kind: Service, name: ''}",
            "spec.targetRef.name: a name is required",
        ),
        (
            "targetRef: {kind: Service, name: a, namespace: b}",
            "spec.targetRef.namespace: a policy cannot refer to another namespace",
        ),
        ("rules: [{from: []}]", "spec.rules[0].from: must not be empty"),
        ("rules: [{to: []}]", "spec.rules[0].to: must not be empty"),
        (
            "rules: [{from: [{}]}]",
            "spec.rules[0].from[0].source: a source that says something is required",
        ),
        (
            operation(""),
            "spec.rules[0].to[0].operation: an operation that says something is required",
        ),
        (
            source("principals: [a, '']"),
            "spec.rules[0].from[0].source.principals[1]: '' must not be empty",
        ),
        (
            source("remoteIpBlocks: [a.b.c.d]"),
            (
                "spec.rules[0].from[0].source.remoteIpBlocks[0]: 'a.b.c.d' is neither an IP "
                "address nor a range"
            ),
        ),
        (
            source("serviceAccounts: [ns/a], namespaces: [ns]"),
            "spec.rules[0].from[0].source: serviceAccounts excludes namespaces",
        ),
        (
            source("serviceAccounts: [a/b/c]"),
            (
                "spec.rules[0].from[0].source.serviceAccounts[0]: 'a/b/c' is not "
                "[NAMESPACE/]ACCOUNT"
            ),
        ),
        (
            operation("ports: ['70000']"),
            (
                "spec.rules[0].to[0].operation.ports[0]: '70000' is not a port from 0 to "
                "65535"
            ),
        ),
        (
            operation("paths: ['/a/{**}/{*}']"),
            (
                "spec.rules[0].to[0].operation.paths[0]: in '/a/{**}/{*}' nothing may follow "
                "{**}"
            ),
        ),
        (
            operation("paths: ['/{a}']"),
            "spec.rules[0].to[0].operation.paths[0]: '{a}' is not a template",
        ),
        (
            operation("paths: ['/{*}/b*']"),
            (
                "spec.rules[0].to[0].operation.paths[0]: 'b*' may not stand beside a "
                "template"
            ),
        ),
        (
            "rules: [{when: [{key: '', values: [a]}]}]",
            "spec.rules[0].when[0].key: a key is required",
        ),
        (
            "rules: [{when: [{key: source.name, values: [a]}]}]",
            "spec.rules[0].when[0].key: 'source.name' is not an attribute",
        ),
        (
            "rules: [{when: [{key: source.ip}]}]",
            "spec.rules[0].when[0]: values or notValues are required for 'source.ip'",
        ),
        (
            "rules: [{when: [{key: destination.port, notValues: [x]}]}]",
            "spec.rules[0].when[0].notValues[0]: 'x' is not a port from 0 to 65535",
        ),
        (
            "action: CUSTOM\nprovider: {name: p}\n" + source("namespaces: [a]"),
            (
                "spec.rules[0].from[0].source.namespaces: is not supported with action "
                "CUSTOM"
            ),
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems(KIND, spec)


ALL_TCP = (
    "spec.rules[0]: on TCP ports it denies everything: only HTTP has these attributes"
)


@pytest.mark.parametrize(
    ("spec", "warned"),
    [
        (operation("methods: [GET]"), True),
        (operation("methods: [GET], ports: ['80']"), False),
        (source("requestPrincipals: [a]"), True),
        (source("principals: [a]"), False),
        ("rules: [{}]", False),
    ],
)
def test_a_denial_that_takes_all_tcp_with_it_is_warned_of(
    spec: str, *, warned: bool
) -> None:
    assert (ALL_TCP in warnings(KIND, f"action: DENY\n{spec}")) is warned
    assert warnings(KIND, spec) == []


def test_a_selector_without_labels_is_warned_of() -> None:
    (told,) = warnings(KIND, "selector: {}")
    assert told.startswith("spec.selector: a selector without labels")
