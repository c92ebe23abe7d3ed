from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems


def probe(text: str) -> str:
    return f"template: {{}}\nprobe: {{{text}}}"


@pytest.mark.parametrize(
    "spec",
    [
        "template: {}",
        "template: {ports: {http: 80}, labels: {app: a}, serviceAccount: b}",
        probe("httpGet: {port: 80, scheme: HTTPS, httpHeaders: [{name: x, value: z}]}"),
        probe("tcpSocket: {port: 5}, periodSeconds: 3"),
        probe("exec: {command: [a, b]}"),
        probe("grpc: {port: 5}"),
    ],
)
def test_the_usual_groups_are_right(spec: str) -> None:
    assert problems("WorkloadGroup", spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("{}", "spec.template: template is required"),
        (probe(""), "spec.probe: a method is required"),
        (
            probe("httpGet: {port: 1}, exec: {command: [a]}"),
            "spec.probe: only one may be set: httpGet and exec",
        ),
        (
            probe("httpGet: {port: 0}"),
            "spec.probe.httpGet.port: must be from 1 to 65535, got 0",
        ),
        (
            probe("httpGet: {port: 1, scheme: ftp}"),
            "spec.probe.httpGet.scheme: must be HTTP or HTTPS, got 'ftp'",
        ),
        (
            probe("httpGet: {port: 1, httpHeaders: [{name: 'a b'}]}"),
            "spec.probe.httpGet.httpHeaders[0].name: 'a b' is not a header's name",
        ),
        (probe("exec: {}"), "spec.probe.exec.command: a command is required"),
        (
            probe("tcpSocket: {port: 1}, timeoutSeconds: -1"),
            "spec.probe.timeoutSeconds: must be from 0 to 2147483647, got -1",
        ),
        (
            "template: {address: 'unix:///a', ports: {http: 1}}",
            "spec.template.ports: a Unix socket has no ports",
        ),
        (
            "template: {}\nmetadata: {labels: {'a b': c}}",
            "spec.metadata.labels[\"a b\"]: 'a b' is not a label's key",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems("WorkloadGroup", spec)
