"""How an application is asked whether it is well, as people spell it. No I/O."""

from __future__ import annotations

import json
import shlex
from typing import Final

import msgspec

from meltemi.config.rules.workload_group import check_probe
from meltemi.config.schema.workload_group import ReadinessProbe
from meltemi.config.values import decode_value

SPELLINGS: Final = (
    "http:/PATH, http:PORT/PATH, tcp, tcp:PORT, grpc, grpc:PORT, exec:COMMAND, or a "
    "ReadinessProbe as JSON"
)
SPELLED_PERIOD: Final = 2


def read_probe(value: object) -> ReadinessProbe:
    """Return the probe that JSON, as text or read, spells.

    Raises:
        ValueError: Saying what is not as it must be.

    """
    if isinstance(value, ReadinessProbe):
        return value
    found = json.loads(value) if isinstance(value, str) else value
    try:
        probe = msgspec.convert(found, ReadinessProbe, dec_hook=decode_value)
    except msgspec.ValidationError as error:
        raise ValueError(f"no probe: {error}") from error
    for finding in check_probe("probe", probe):
        raise ValueError(f"{finding.path}: {finding.message}")
    return probe


def spelled_probe(text: str, port: int) -> ReadinessProbe:
    """Return the probe that a word of a command line spells; JSON is one, too.

    ``http:/healthz``, ``http:9090/healthz``, ``tcp``, ``tcp:9090``, ``grpc``,
    ``grpc:9090`` or ``exec:COMMAND``; ``port`` is asked unless another is named. It is
    asked every 2 s, and by Istio's thresholds is out after three failures.

    Raises:
        ValueError: If it spells none.

    """
    if text.startswith("{"):
        return read_probe(text)
    method, _, rest = text.partition(":")
    number, slash, path = rest.partition("/")
    asked = int(number) if number.isdecimal() else port
    ways: dict[str, dict[str, object]] = {
        "http": {"httpGet": {"port": asked, "path": f"/{path}"}},
        "tcp": {"tcpSocket": {"port": asked}},
        "grpc": {"grpc": {"port": asked}},
        "exec": {"exec": {"command": shlex.split(rest)}},
    }
    strange = number and not number.isdecimal()
    if method not in ways or (method != "exec" and strange):
        raise ValueError(f"{text!r}: expected {SPELLINGS}")
    if slash and method in ("tcp", "grpc"):
        raise ValueError(f"{text!r}: {method} has no path")
    return read_probe({**ways[method], "periodSeconds": SPELLED_PERIOD})


def written_probe(probe: ReadinessProbe) -> str:
    """Return ``probe`` as the shortest JSON that `read_probe` reads."""
    return msgspec.json.encode(probe).decode()
