"""What services of a file say of each other, once some of them have become three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import warning
from meltemi.injector.compose.objection import uncaptured
from meltemi.injector.compose.pod import conditions, waiting_for
from meltemi.injector.compose.port import PORTS
from meltemi.injector.compose.value import Services, Value, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.injector.compose.pod import Instance
    from meltemi.injector.compose.service import Service
    from meltemi.injector.sidecar import Sidecar

    Became = Mapping[str, tuple[tuple[Instance, ...], Sidecar]]
    """What services became, of those that have a sidecar."""

NAMESPACES: Final = ("ipc", "pid")
"""Keys that may name a service whose namespace is shared, beside its network's."""
SERVICE: Final = "service:"
CONTAINER: Final = "container:"


def networks_of(services: Services) -> Mapping[str, str]:
    """Return in whose network each service is that is in another one's.

    ::

        debug ── service:helper ──▶ helper ── service:web ──▶ web      debug: web
    """
    named = {
        str(each["container_name"]): name
        for name, each in services.items()
        if "container_name" in each
    }
    found: dict[str, str] = {}
    for name in services:
        seen, at = {name}, _joined(services[name], named)
        while at in services and at not in seen:
            found[name] = at
            seen.add(at)
            at = _joined(services[at], named)
    return found


def _joined(service: Mapping[str, Value], named: Mapping[str, str]) -> str:
    mode = str(service.get("network_mode", ""))
    if mode.startswith(CONTAINER):
        return named.get(mode.removeprefix(CONTAINER), "")
    return mode.removeprefix(SERVICE) if mode.startswith(SERVICE) else ""


def sharing(service: Service, host: str, count: int) -> Iterator[Finding]:
    """Yield what the owner of ``service`` should know, which is in ``host``'s network.

    ``count`` is how many of ``host`` there are. One network is one workload: there is
    one proxy in it, with one certificate.
    """
    whose = f"{host}-1, the first of {count}" if count > 1 else host
    message = (
        f"is in the network of {whose}: it has no sidecar of its own, its traffic is "
        f"captured by that one, and it is {host} to others"
    )
    hint = "give it a network of its own if it shall have an identity of its own"
    yield warning("network_mode", message, hint, code="SHARED_SIDECAR")
    yield from uncaptured(service.value)
    if PORTS in service.labels:
        message = f"has no effect: {host} has the network, and its ports"
        hint = f"say it there: {PORTS} of {host}"
        yield warning(f'labels["{PORTS}"]', message, hint, code="NO_EFFECT")


def retargeted(
    service: Mapping[str, Value], became: Became, host: str = ""
) -> dict[str, Value]:
    """Return ``service`` with what it says of others meaning the same as before.

    ``host`` is in whose network it is, if it is in another one's. It waits as an
    application of that one: nothing runs there before the rules are set.
    """
    made = dict(service)
    for key in NAMESPACES:
        word = str(made.get(key, ""))
        name = word.removeprefix(SERVICE)
        if word.startswith(SERVICE) and name in became:
            made[key] = Word(f"{SERVICE}{_first(name, became).name}")
    waits = made.get("depends_on")
    if waits is not None and any(
        each.name != name
        for name in conditions(waits)
        for each in (became[name][0] if name in became else ())
    ):
        made["depends_on"] = {
            each: condition
            for name, condition in conditions(waits).items()
            for each in _names(name, became)
        }
    if host in became:
        first = _first(host, became)
        made["network_mode"] = Word(f"{SERVICE}{first.pod}")
        made["depends_on"] = {
            **conditions(made.get("depends_on")),
            **waiting_for(first, became[host][1]),
        }
    for key in ("links", "volumes_from"):
        listed = made.get(key)
        if isinstance(listed, list):
            made[key] = [_referring(key, each, became) for each in listed]
    return made


def _first(name: str, became: Became) -> Instance:
    return became[name][0][0]


def _names(name: str, became: Became) -> tuple[str, ...]:
    return tuple(each.name for each in became[name][0]) if name in became else (name,)


def _referring(key: str, entry: Value, became: Became) -> Value:
    name, colon, rest = str(entry).partition(":")
    if name not in became:
        return entry
    first = _first(name, became)
    if key == "links":
        return Word(f"{first.pod}:{rest or name}")
    return entry if first.name == name else Word(f"{first.name}{colon}{rest}")
