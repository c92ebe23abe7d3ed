"""The ports of a service: what compose files say of them, and which protocol they tell.

Source:
    The Compose Specification, "ports" and "expose"; IANA's registry for 80, 8008, 8080
    (http) and 443, 8443 (https).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem, warning
from meltemi.injector import reading
from meltemi.injector.compose.value import Word
from meltemi.injector.compose.variable import masked
from meltemi.injector.workload import Port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.injector.compose.value import Value

PORTS: Final = "meltemi.dev/ports"
"""The label that says them: ``http:9080,grpc:9090``."""
SPAN: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?")
IN_URL: Final = re.compile(r"\b(https?)://[^/\s:\"']+(?::([0-9]{1,5}))?")
NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,30}[a-z0-9])?")
USUAL: Final = {80: "http", 8008: "http", 8080: "http", 443: "https", 8443: "https"}
PROTOCOLS: Final = frozenset(
    (
        *("http", "http2", "grpc", "grpc-web", "https", "tls", "tcp"),
        *("mongo", "mysql", "redis"),
    )
)
OTHER: Final = {"h2c": "http2", "ws": "http", "wss": "https"}
"""What the Compose Specification and Kubernetes call an application protocol, too."""
SPAN_LIMIT: Final = 64
RESERVED: Final = frozenset((15000, 15001, 15006, 15008, 15020, 15021, 15053, 15090))
"""What the proxy listens on."""


@dataclass(frozen=True, slots=True)
class _Told:
    number: int
    protocol: str = ""
    because: str = ""


def ports_of(
    service: Mapping[str, Value], labels: Mapping[str, str]
) -> tuple[tuple[Port, ...], tuple[Finding, ...]]:
    """Return the TCP ports that ``service`` tells, and what is wrong with them."""
    if PORTS in labels:
        return _labelled(labels[PORTS])
    findings: list[Finding] = []
    told: dict[int, _Told] = {}
    for key in ("ports", "expose"):
        entries = service.get(key, [])
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            for each in _of_entry(entry):
                if each is None:
                    hint = f'say it with the label {PORTS}: "http:8080"'
                    message = "which port of the container that is cannot be told"
                    findings.append(warning(f"{key}[{index}]", message, hint))
                elif each.number not in told or each.protocol:
                    told[each.number] = each
    tried = dict(_tried(service.get("healthcheck")))
    found = tuple(_port(each, tried) for each in told.values())
    findings += _reserved(found)
    return found, tuple(findings)


def _labelled(text: str) -> tuple[tuple[Port, ...], tuple[Finding, ...]]:
    path = f'labels["{PORTS}"]'
    found: list[Port] = []
    for each in reading.words(text):
        name, colon, number = each.rpartition(":")
        try:
            found.append(Port(reading.port(number), name or f"tcp-{number}", PORTS))
        except ValueError as error:
            return (), (problem(path, str(error), 'write "http:8080,grpc:9090"'),)
        if colon and not NAME.fullmatch(name):
            return (), (problem(path, f"{name!r} is no name of a port"),)
    if len({each.name for each in found}) < len(found):
        return (), (problem(path, "a name stands twice", "http-1:8080,http-2:8081"),)
    return tuple(found), tuple(_reserved(tuple(found)))


def _of_entry(entry: Value) -> Iterator[_Told | None]:
    if isinstance(entry, dict):
        yield from _of_long(entry)
        return
    words = masked(str(entry))
    match = SPAN.fullmatch(words.rpartition(":")[2])
    if match is None:
        yield None
        return
    first, last = int(match[1]), int(match[2] or match[1])
    if match[3] not in (None, "tcp"):
        return
    if not 0 < first <= last <= reading.HIGHEST_PORT or last - first >= SPAN_LIMIT:
        yield None
        return
    for number in range(first, last + 1):
        yield _Told(number)


def _of_long(entry: Mapping[str, Value]) -> Iterator[_Told | None]:
    said = {key: str(each) for key, each in entry.items() if isinstance(each, Word)}
    if said.get("protocol", "tcp") != "tcp":
        return
    try:
        number = reading.port(said.get("target", ""))
    except ValueError:
        yield None
        return
    for key in ("app_protocol", "name"):
        word = OTHER.get(said.get(key, ""), said.get(key, ""))
        for protocol in (word, word.partition("-")[0]):
            if protocol in PROTOCOLS:
                yield _Told(number, protocol, key)
                return
    yield _Told(number)


def _tried(healthcheck: Value | None) -> Iterator[tuple[int, str]]:
    """Yield each port that a health check asks by a URL, with its protocol."""
    test = healthcheck.get("test") if isinstance(healthcheck, dict) else None
    parts = test if isinstance(test, list) else [test or ""]
    for match in IN_URL.finditer(" ".join(map(str, parts))):
        usual = 80 if match[1] == "http" else 443
        yield int(match[2] or usual), match[1]


def _port(told: _Told, tried: Mapping[int, str]) -> Port:
    number = told.number
    if told.protocol:
        protocol, because = told.protocol, told.because
    elif number in tried:
        protocol, because = tried[number], "healthcheck"
    elif number in USUAL:
        protocol, because = USUAL[number], "its number"
    else:
        protocol, because = "tcp", "nothing tells its protocol"
    return Port(number, f"{protocol}-{number}", because)


def _reserved(ports: tuple[Port, ...]) -> Iterator[Finding]:
    for each in ports:
        if each.number in RESERVED:
            message = f"port {each.number} is the proxy's own"
            yield problem("ports", message, "let the application use another one")
