"""All services of a compose file, before and after their sidecars."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.finding import InvalidConfigError, Severity, Source
from meltemi.config.rules.problem import problem, warning
from meltemi.injector.compose.pod import (
    PROXY_USER,
    Instance,
    Site,
    conditions,
    is_fixed,
    pod_of,
)
from meltemi.injector.compose.port import PORTS, ports_of
from meltemi.injector.compose.service import KNOWN, Service, workload_of
from meltemi.injector.compose.tree import USERS, refused
from meltemi.injector.compose.tree import Mapping as Tree
from meltemi.injector.compose.value import Resolver, Services, Value, Word
from meltemi.injector.reading import ALL, Mode
from meltemi.injector.sidecar import Defaults, sidecar_of
from meltemi.injector.vocabulary import EXCLUDE_INBOUND_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.injector.compose.tree import Bounds
    from meltemi.injector.decision import Decision
    from meltemi.injector.sidecar import Sidecar

SERVICES: Final = "services"
OF_OTHERS: Final = ("network_mode", "ipc", "pid")
"""Keys that may name a service: ``service:web``."""
SERVICE: Final = "service:"
FLATTEN: Final = "write it out: docker compose config does"


@dataclass(frozen=True, slots=True)
class Wish:
    """How to inject.

    Attributes:
        namespace: Where the workloads belong.
        revision: Of the control plane; services of another one are left alone.
        defaults: What holds where a service says nothing.
        site: Where the sidecars run.

    """

    namespace: str = "default"
    revision: str = "default"
    defaults: Defaults = field(default_factory=Defaults)
    site: Site = field(default_factory=Site)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one service.

    Attributes:
        service: As it stands in the file.
        verdict: Whether it gets a sidecar.
        sidecar: Which; None: none.
        instances: Its replicas, where it gets one.
        findings: What there is to say to its owner.

    """

    service: Service
    verdict: Decision[bool]
    sidecar: Sidecar | None = None
    instances: tuple[Instance, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A compose file, before and after.

    Attributes:
        before: Its services, resolved.
        after: For each of them the services it becomes.
        outcomes: What was decided of each.
        notes: What there is to say of the file itself.

    """

    before: Services
    after: dict[str, Services]
    outcomes: tuple[Outcome, ...]
    notes: tuple[Finding, ...] = ()

    @property
    def made(self) -> Services:
        """All services that there are after."""
        return {name: each for one in self.after.values() for name, each in one.items()}

    @property
    def warnings(self) -> Iterator[Finding]:
        """What there is to say, and refuses nothing."""
        yield from self.notes
        for outcome in self.outcomes:
            yield from outcome.findings

    @property
    def instances(self) -> Iterator[tuple[Instance, Sidecar]]:
        """Every workload that gets a sidecar."""
        for outcome in self.outcomes:
            for each in outcome.instances:
                if outcome.sidecar is not None:
                    yield each, outcome.sidecar


def project_of(root: Tree, file: str, wish: Wish) -> Project:
    """Return what becomes of the compose file with the tree ``root``.

    Raises:
        InvalidConfigError: With every error that was found.

    """
    before = services_of(root, file)
    outcomes = tuple(
        _placed(_outcome(Service.of(name, each), wish), root, file)
        for name, each in before.items()
    )
    taken = Counter(each.called for one in outcomes for each in one.instances)
    outcomes = tuple(
        _unclashing(each, before, taken, (root, file)) for each in outcomes
    )
    errors = [
        finding
        for outcome in outcomes
        for finding in outcome.findings
        if finding.severity is Severity.ERROR
    ]
    if errors:
        raise InvalidConfigError(errors)
    whose = {each.service.name: each.instances for each in outcomes}
    after = {
        each.service.name: {
            name: _retargeted(made, whose)
            for name, made in _made(each, wish.site).items()
        }
        for each in outcomes
    }
    return Project(before, after, outcomes, tuple(_notes(root, file)))


def _notes(root: Tree, file: str) -> Iterator[Finding]:
    for key, _ in root.entries:
        if key.text == "include":
            message = "the services of included files get no sidecars"
            found = warning(key.text, message, FLATTEN, code="LEFT_ALONE")
            yield replace(found, source=Source(file, 1, key.first + 1, key.column + 1))


def services_of(root: Tree, file: str, bounds: Bounds = USERS) -> Services:
    """Return the services of a compose file, resolved.

    Raises:
        InvalidConfigError: If there are none, or one says what cannot be followed.

    """
    at = root.find(SERVICES)
    if at is None:
        hint = "a file of the first format has no key services: put them below one"
        message = "a compose file has the key services"
        raise refused(file, (root.first, root.column), "WRONG_TYPE", message, hint)
    found = Resolver(file, bounds).value(at)
    place = (at.first, at.column)
    if not isinstance(found, dict):
        raise refused(file, place, "WRONG_TYPE", "services is a map")
    made: Services = {}
    for name, each in found.items():
        if not isinstance(each, dict):
            message = f"the service {name!r} is a map"
            raise refused(file, place, "WRONG_TYPE", message)
        if "extends" in each:
            message = f"the service {name!r} extends another, maybe of another file"
            here = _place_of(root, name, "extends")
            raise refused(file, here, "EXTENDS", message, FLATTEN)
        made[name] = each
    return made


def _outcome(service: Service, wish: Wish) -> Outcome:
    verdict = service.verdict(wish.revision)
    workload, findings = workload_of(service, wish.namespace)
    if not verdict.value:
        told = [each for each in findings if each.path.startswith("labels")]
        if verdict.because != "sidecar.istio.io/inject":
            message = f"gets no sidecar: {verdict.because}"
            told.append(warning("", message, code="LEFT_ALONE"))
        return Outcome(service, verdict, findings=tuple(told))
    sidecar, more = sidecar_of(workload, wish.defaults, KNOWN)
    count = workload.replicas
    instances = tuple(
        Instance(service.name, f"{service.name}-{n}", f"{service.called}-{n}", n == 1)
        for n in range(1, count + 1)
    )
    if count == 1:
        instances = (Instance(service.name, service.name, service.called),)
    found = (*findings, *more, *_impossible(service, sidecar))
    return Outcome(service, verdict, sidecar, instances, found)


def _impossible(service: Service, sidecar: Sidecar) -> Iterator[Finding]:
    mode = sidecar.capture.mode
    if mode.value is not Mode.REDIRECT:
        hint = "leave it out, or say sidecar.istio.io/inject: false"
        message = f"{mode.value} cannot be had in containers: {mode.because}"
        yield problem("", message, hint)
    user, _, group = str(service.value.get("user", "")).partition(":")
    for what, number in (("user", user), ("group", group)):
        if number == PROXY_USER.partition(":")[0]:
            message = f"{what} {number} is the proxy's: it is not captured"
            yield problem("user", message, "let it run as another one")
            break
    yield from _published(service, sidecar)
    if not sidecar.workload.ports:
        hint = f'if it serves any, say expose, or the label {PORTS}: "http:8080"'
        message = "serves no port that the file tells: others cannot call it"
        yield warning("", message, hint, code="NO_PORTS")
    if sidecar.workload.replicas == 1:
        return
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


def _unclashing(
    outcome: Outcome, before: Services, taken: Mapping[str, int], at: tuple[Tree, str]
) -> Outcome:
    """Refuse names that another service of the file has, or another workload."""
    names = [
        f"would become {name!r}, which is another service"
        for each in outcome.instances
        for name in (each.name, each.pod, each.proxy)
        if name in before and name != outcome.service.name
    ]
    names += [
        f"is called {each.called!r} in the mesh, and so is another one"
        for each in outcome.instances
        if taken[each.called] > 1
    ]
    if not names:
        return outcome
    wrong = problem("", names[0], "rename one of them")
    placed = _placed(replace(outcome, findings=(wrong,)), *at)
    return replace(outcome, findings=(*outcome.findings, *placed.findings))


def _made(outcome: Outcome, site: Site) -> Services:
    sidecar, service = outcome.sidecar, outcome.service
    if sidecar is None:
        return {service.name: dict(service.value)}
    made: Services = {}
    for each in outcome.instances:
        made |= pod_of(each, service.value, sidecar, site)
    return made


def _retargeted(
    service: Mapping[str, Value], whose: Mapping[str, tuple[Instance, ...]]
) -> dict[str, Value]:
    """Return ``service`` with what it says of others meaning the same as before."""
    made = dict(service)
    for key in OF_OTHERS:
        word = str(made.get(key, ""))
        others = whose.get(word.removeprefix(SERVICE)) if SERVICE in word else None
        if others:
            first = others[0]
            name = first.pod if key == "network_mode" else first.name
            made[key] = Word(f"{SERVICE}{name}")
    waits = made.get("depends_on")
    if waits is not None and any(
        each.name != name for name in conditions(waits) for each in whose.get(name, ())
    ):
        made["depends_on"] = {
            each: condition
            for name, condition in conditions(waits).items()
            for each in _names(name, whose)
        }
    for key in ("links", "volumes_from"):
        listed = made.get(key)
        if isinstance(listed, list):
            made[key] = [_referring(key, each, whose) for each in listed]
    return made


def _names(name: str, whose: Mapping[str, tuple[Instance, ...]]) -> tuple[str, ...]:
    return tuple(each.name for each in whose.get(name, ())) or (name,)


def _referring(
    key: str, entry: Value, whose: Mapping[str, tuple[Instance, ...]]
) -> Value:
    name, colon, rest = str(entry).partition(":")
    others = whose.get(name)
    if not others:
        return entry
    if key == "links":
        return Word(f"{others[0].pod}:{rest or name}")
    return entry if others[0].name == name else Word(f"{others[0].name}{colon}{rest}")


def _placed(outcome: Outcome, root: Tree, file: str) -> Outcome:
    """Return the outcome, its findings with their places in the file."""
    service = outcome.service
    placed: list[Finding] = []
    for each in outcome.findings:
        key = each.path.removeprefix('labels["').removesuffix('"]')
        field_ = each.path.partition(".")[0].partition("[")[0]
        line, column = service.places.get(key, _place_of(root, service.name, field_))
        path = f"{SERVICES}.{service.name}{'.' if each.path else ''}{each.path}"
        source = Source(file, 1, line + 1, column + 1)
        placed.append(replace(each, source=source, path=path))
    return replace(outcome, findings=tuple(placed))


def _place_of(root: Tree, name: str, key: str) -> tuple[int, int]:
    """Return where ``key`` of the service ``name`` stands, or else the service."""
    services = root.find(SERVICES)
    found = (root.first, root.column)
    if not isinstance(services, Tree):
        return found
    for at, service in services.entries:
        if at.text != name:
            continue
        found = (at.first, at.column)
        for below, _ in service.entries if isinstance(service, Tree) else []:
            if below.text == key:
                return below.first, below.column
    return found
