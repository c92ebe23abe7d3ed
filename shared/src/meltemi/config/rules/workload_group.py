"""What must hold for a WorkloadGroup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import check_port
from meltemi.config.rules.labels import check_label_set
from meltemi.config.rules.problem import problem
from meltemi.config.rules.workload_entry import check_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.workload_group import (
        HTTPHealthCheckConfig,
        ReadinessProbe,
        WorkloadGroup,
    )

HEADER: Final = re.compile(r"[-_A-Za-z0-9]+")


def check_workload_group(spec: WorkloadGroup) -> Iterator[Finding]:
    """Yield what Istio's ValidateWorkloadGroup says."""
    if spec.metadata is not None:
        yield from check_label_set("spec.metadata.labels", spec.metadata.labels)
    yield from check_template("spec.template", spec.template)
    if spec.probe is not None:
        yield from check_probe("spec.probe", spec.probe)


def check_probe(path: str, probe: ReadinessProbe) -> Iterator[Finding]:
    """Yield what is wrong with the probe at ``path``."""
    methods = (probe.http_get, probe.tcp_socket, probe.exec, probe.grpc)
    if all(method is None for method in methods):
        hint = "httpGet, tcpSocket, exec or grpc"
        yield problem(path, "a method is required", hint)
    if probe.http_get is not None:
        yield from _check_http(f"{path}.httpGet", probe.http_get)
    if probe.tcp_socket is not None:
        yield from check_port(f"{path}.tcpSocket.port", probe.tcp_socket.port)
    if probe.grpc is not None:
        yield from check_port(f"{path}.grpc.port", probe.grpc.port)
    if probe.exec is not None:
        if not probe.exec.command:
            yield problem(f"{path}.exec.command", "a command is required")
        for index, word in enumerate(probe.exec.command):
            if not word:
                yield problem(f"{path}.exec.command[{index}]", "must not be empty")


def _check_http(path: str, probe: HTTPHealthCheckConfig) -> Iterator[Finding]:
    yield from check_port(f"{path}.port", probe.port)
    if probe.scheme not in (None, "", "HTTP", "HTTPS"):
        message = f"must be HTTP or HTTPS, got {probe.scheme!r}"
        yield problem(f"{path}.scheme", message)
    for index, header in enumerate(probe.http_headers):
        if not HEADER.fullmatch(header.name or ""):
            here = f"{path}.httpHeaders[{index}].name"
            yield problem(here, f"{header.name or ''!r} is not a header's name")
