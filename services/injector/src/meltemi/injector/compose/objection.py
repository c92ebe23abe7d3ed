"""What cannot be done of a service's sidecar, and what its owner should know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.problem import problem, warning
from meltemi.injector.compose.pod import PROXY_USER, is_fixed
from meltemi.injector.compose.port import PORTS, ports_of
from meltemi.injector.reading import ALL, Mode
from meltemi.injector.vocabulary import EXCLUDE_INBOUND_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.injector.compose.service import Service
    from meltemi.injector.compose.value import Value
    from meltemi.injector.sidecar import Sidecar


def objections(service: Service, sidecar: Sidecar) -> Iterator[Finding]:
    """Yield what is wrong with ``service`` beside ``sidecar``, and what to know."""
    mode = sidecar.capture.mode
    if mode.value is not Mode.REDIRECT:
        hint = "leave it out, or say sidecar.istio.io/inject: false"
        message = f"{mode.value} cannot be had in containers: {mode.because}"
        yield problem("", message, hint)
    yield from uncaptured(service.value)
    yield from _published(service, sidecar)
    if not sidecar.workload.ports:
        hint = f'if it serves any, say expose, or the label {PORTS}: "http:8080"'
        message = "serves no port that the file tells: others cannot call it"
        yield warning("", message, hint, code="NO_PORTS")
    if sidecar.workload.replicas > 1:
        yield from _several(service)


def uncaptured(service: Mapping[str, Value]) -> Iterator[Finding]:
    """Yield a problem if ``service`` runs as who the rules of capture let pass."""
    user, _, group = str(service.get("user", "")).partition(":")
    for what, number in (("user", user), ("group", group)):
        if number == PROXY_USER.partition(":")[0]:
            message = f"{what} {number} is the proxy's: it is not captured"
            yield problem("user", message, "let it run as another one")
            return


def _several(service: Service) -> Iterator[Finding]:
    if "container_name" in service.value:
        message = "several replicas cannot have one name"
        yield problem("container_name", message, "remove it, or the replicas")
    ports = service.value.get("ports")
    for index, each in enumerate(ports if isinstance(ports, list) else []):
        if is_fixed(each):
            message = "is published by the first replica alone"
            yield warning(f"ports[{index}]", message, code="ONE_REPLICA")


def _published(service: Service, sidecar: Sidecar) -> Iterator[Finding]:
    """Warn of ports that callers outside of the mesh expect to answer plain text."""
    captured = sidecar.capture.inbound_ports.value
    spared = sidecar.capture.inbound_exclude.value
    found, _ = ports_of({"ports": service.value.get("ports", [])}, {})
    met = [
        each
        for each in (str(port.number) for port in found)
        if each not in spared and (captured == (ALL,) or each in captured)
    ]
    if met:
        message = "are published: plain text that comes there is refused under STRICT"
        hint = f'call by a gateway, or say {EXCLUDE_INBOUND_PORTS}: "{",".join(met)}"'
        yield warning("ports", message, hint, code="PUBLISHED")
