"""All services of a compose file, before and after their sidecars."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.finding import InvalidConfigError, Severity, Source
from meltemi.config.rules.problem import problem, warning
from meltemi.injector.compose.name import Bearer, names_in, outside
from meltemi.injector.compose.objection import objections
from meltemi.injector.compose.pod import Instance, Site, pod_of
from meltemi.injector.compose.reference import networks_of, retargeted, sharing
from meltemi.injector.compose.relocation import Way, unknown
from meltemi.injector.compose.service import KNOWN, Service, workload_of
from meltemi.injector.compose.tree import USERS, refused
from meltemi.injector.compose.tree import Mapping as Tree
from meltemi.injector.compose.value import Resolver, Services
from meltemi.injector.sidecar import Defaults, sidecar_of
from meltemi.injector.vocabulary import INJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.finding import Finding
    from meltemi.injector.compose.tree import Bounds
    from meltemi.injector.decision import Decision
    from meltemi.injector.sidecar import Sidecar

SERVICES: Final = "services"
NOWHERE: Final = (-1, -1)
NETWORK_MODE: Final = "network_mode"
FLATTEN: Final = "write it out: docker compose config does"


@dataclass(frozen=True, slots=True)
class Wish:
    """How to inject.

    Attributes:
        namespace: Where the workloads belong.
        revision: Of the control plane; services of another one are left alone.
        defaults: What holds where a service says nothing.
        site: Where the sidecars run.
        way: From the folder of the new file to the one that its paths are seen from.

    """

    namespace: str = "default"
    revision: str = "default"
    defaults: Defaults = field(default_factory=Defaults)
    site: Site = field(default_factory=Site)
    way: Way = field(default_factory=Way)


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
    hosts = networks_of(before)
    outcomes = _outcomes(before, hosts, wish)
    outcomes = tuple(_placed(each, root, file) for each in outcomes)
    errors = [
        finding
        for outcome in outcomes
        for finding in outcome.findings
        if finding.severity is Severity.ERROR
    ]
    if errors:
        raise InvalidConfigError(errors)
    became = {
        each.service.name: (each.instances, each.sidecar)
        for each in outcomes
        if each.sidecar is not None
    }
    after = {
        each.service.name: {
            name: retargeted(made, became, hosts.get(name, ""))
            for name, made in _made(each, wish.site).items()
        }
        for each in outcomes
    }
    return Project(before, after, outcomes, tuple(_notes(root, file)))


def _outcomes(
    before: Services, hosts: Mapping[str, str], wish: Wish
) -> tuple[Outcome, ...]:
    """Return what becomes of each service, given what the others become."""
    found = [
        _outcome(Service.of(name, wish.way.service(each)), wish)
        for name, each in before.items()
    ]
    names = names_in([_bearer(each, each.sidecar) for each in found if each.sidecar])
    taken = Counter(each.called for one in found for each in one.instances)
    told = [
        (
            *each.findings,
            *_of_network(each, found, hosts),
            *names.findings.get(each.service.name, ()),
            *_clash(each, before, taken),
        )
        for each in found
    ]
    return tuple(
        _named(replace(each, findings=more), names.hosts)
        for each, more in zip(found, told, strict=True)
    )


def _bearer(outcome: Outcome, sidecar: Sidecar) -> Bearer:
    return Bearer(outcome.service, sidecar.labels.get("app", ""))


def _named(outcome: Outcome, hosts: Mapping[str, tuple[str, ...]]) -> Outcome:
    """Return the outcome with what its workload is called beside."""
    sidecar, names = outcome.sidecar, hosts.get(outcome.service.name)
    if sidecar is None or names is None:
        return outcome
    workload = replace(sidecar.workload, names=names)
    return replace(outcome, sidecar=replace(sidecar, workload=workload))


def _of_network(
    outcome: Outcome, outcomes: Sequence[Outcome], hosts: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield what there is to say of a service that has no network of its own."""
    host = hosts.get(outcome.service.name, "")
    for each in outcomes:
        if each.service.name == host and each.instances:
            yield from sharing(outcome.service, host, len(each.instances))
            return
    if outcome.verdict.because.startswith(NETWORK_MODE):
        message = f"gets no sidecar: {outcome.verdict.because}"
        yield warning("", message, code="LEFT_ALONE")


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
    paths = tuple(unknown(service.value, wish.way))
    if not verdict.value:
        told = [each for each in findings if each.path.startswith("labels")]
        if not verdict.because.startswith((INJECT, NETWORK_MODE)):
            message = f"gets no sidecar: {verdict.because}"
            told.append(warning("", message, code="LEFT_ALONE"))
        return Outcome(service, verdict, findings=(*told, *paths))
    sidecar, more = sidecar_of(workload, wish.defaults, KNOWN)
    count = workload.replicas
    instances = tuple(
        Instance(service.name, f"{service.name}-{n}", f"{service.called}-{n}", n == 1)
        for n in range(1, count + 1)
    )
    if count == 1:
        instances = (Instance(service.name, service.name, service.called),)
    found = (*findings, *paths, *more, *objections(service, sidecar), *outside(service))
    return Outcome(service, verdict, sidecar, instances, found)


def _clash(
    outcome: Outcome, before: Services, taken: Mapping[str, int]
) -> Iterator[Finding]:
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
    if names:
        yield problem("", names[0], "rename one of them")


def _made(outcome: Outcome, site: Site) -> Services:
    sidecar, service = outcome.sidecar, outcome.service
    if sidecar is None:
        return {service.name: dict(service.value)}
    made: Services = {}
    for each in outcome.instances:
        made |= pod_of(each, service.value, sidecar, site)
    return made


def _placed(outcome: Outcome, root: Tree, file: str) -> Outcome:
    """Return the outcome, its findings with their places in the file."""
    service = outcome.service
    placed: list[Finding] = []
    for each in outcome.findings:
        key = each.path.removeprefix('labels["').removesuffix('"]')
        field_ = each.path.partition(".")[0].partition("[")[0]
        line, column = service.places.get(key, NOWHERE)
        if line < 0:
            line, column = _place_of(root, service.name, field_)
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
