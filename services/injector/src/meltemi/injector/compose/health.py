"""How an application tells that it is well: from its file to what its agent asks.

::

    meltemi.dev/health  >  readinessProbe of proxy.istio.io/config  >  healthcheck

A ``healthcheck`` is a command in the application's container. The agent is in another
one, in the same network: what the command asks over HTTP, by a connection or by gRPC
it can ask as well, and of any other command nothing but whether the port can be
connected to.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from meltemi.config.finding import Finding
from meltemi.config.probe_text import read_probe, spelled_probe, written_probe
from meltemi.config.rules.problem import problem, warning
from meltemi.injector.compose.asked import asked_by
from meltemi.injector.decision import Decision
from meltemi.injector.workload import UNASKED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.injector.compose.value import Value
    from meltemi.injector.workload import Port

HEALTH: Final = "meltemi.dev/health"
"""The label that says it: ``http:/healthz``, ``tcp:5432``, ``grpc``, JSON, ``none``."""
HEALTHCHECK: Final = "healthcheck"
NOBODY: Final = "none"
EXEC: Final = "exec runs beside the application, not in its container"
UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:us|ms|s|m|h))+")
LENGTH: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h)")
USUAL: Final = {"interval": 30, "timeout": 30, "retries": 3}
"""Docker's own, where a file is silent."""

Told = tuple[Decision[str], tuple["Finding", ...]]


def health_of(
    service: Mapping[str, Value], labels: Mapping[str, str], ports: Sequence[Port]
) -> Told:
    """Return the probe for the agent, as JSON, with what there is to say of it.

    It is empty where nobody asks: others call the application while its proxy is there.
    Nobody calls what serves no port, so nobody asks it either.
    """
    if HEALTH in labels:
        return _labelled(labels[HEALTH].strip(), ports)
    check = service.get(HEALTHCHECK)
    if not ports or not isinstance(check, dict):
        return UNASKED, ()
    words = _test(check)
    if str(check.get("disable", "")).lower() == "true" or words[:1] == ["NONE"]:
        return Decision("", HEALTHCHECK), ()
    pace, odd = _pace(check)
    way, why = asked_by(words)
    if way is None:
        way = {"tcpSocket": {"port": ports[0].number}}
    found = read_probe({**way, **pace})
    told = [*_said(way, why), *odd]
    return Decision(written_probe(found), HEALTHCHECK), tuple(told)


def _labelled(text: str, ports: Sequence[Port]) -> Told:
    path = f'labels["{HEALTH}"]'
    if text == NOBODY:
        return Decision("", HEALTH), ()
    try:
        probe = spelled_probe(text, ports[0].number if ports else 0)
    except ValueError as error:
        return UNASKED, (problem(path, str(error)),)
    if probe.exec is not None:
        return UNASKED, (problem(path, EXEC, "say http, tcp or grpc"),)
    if not ports:
        message = "has no effect: nobody calls what serves no port"
        return UNASKED, (warning(path, message, code="NO_EFFECT"),)
    return Decision(written_probe(probe), HEALTH), ()


def _said(way: Mapping[str, object], why: str) -> Iterator[Finding]:
    """Yield what the mesh does not ask that the command does."""
    if not why:
        return
    (method, how), *_ = way.items()
    by_port = method == "tcpSocket"
    port = how.get("port") if isinstance(how, dict) else None
    what = f"that port {port} can be connected to" if by_port else "the URL alone"
    message = f"{why}: the mesh asks {what}"
    hint = f'say how: {HEALTH}: "http:/PATH", tcp, grpc, or "{NOBODY}" not to ask'
    yield warning(HEALTHCHECK, message, hint, code="PARTLY_ASKED")


def _test(check: Mapping[str, Value]) -> list[str]:
    """Return the words of the test as Docker takes them, CMD or CMD-SHELL first."""
    test = check.get("test")
    if isinstance(test, list):
        return [str(each) for each in test]
    return ["CMD-SHELL", str(test)] if test is not None else []


def _pace(check: Mapping[str, Value]) -> tuple[Mapping[str, int], list[Finding]]:
    """Return how often and how patiently is asked, as a probe says it.

    ``start_period`` needs no word: an agent asks every second until the application
    was well once, and before that it is not called.
    """
    found, odd = dict(USUAL), list[Finding]()
    for key in USUAL:
        said = str(check.get(key, ""))
        seconds = _seconds(said, plain=key == "retries")
        if seconds is not None:
            found[key] = seconds
        elif said:
            message = f"{key} {said!r} is not known here: {found[key]} is taken"
            odd.append(warning(HEALTHCHECK, message, "write the value"))
    return {
        "periodSeconds": found["interval"],
        "timeoutSeconds": found["timeout"],
        "failureThreshold": found["retries"],
    }, odd


def _seconds(text: str, *, plain: bool) -> int | None:
    """Return a duration in whole seconds, at least one; or a number as it is."""
    if plain:
        return max(1, int(text)) if text.isascii() and text.isdecimal() else None
    if not DURATION.fullmatch(text):
        return None
    return max(1, math.ceil(sum(float(n) * UNITS[u] for n, u in LENGTH.findall(text))))
