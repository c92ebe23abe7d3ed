"""A service of a compose file as a workload, and whether it gets a sidecar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.labels import PREFIX, WORD
from meltemi.config.rules.problem import problem
from meltemi.injector import reading, vocabulary
from meltemi.injector.compose.health import HEALTH, health_of
from meltemi.injector.compose.port import PORTS, ports_of
from meltemi.injector.compose.value import Word
from meltemi.injector.decision import Decision
from meltemi.injector.workload import Workload
from meltemi.kernel.identity import SERVICE_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.injector.compose.value import Value

    _Place = tuple[str, tuple[int, int]]

ACCOUNT: Final = "meltemi.dev/service-account"
OURS: Final = "meltemi.dev/"
NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
LONGEST_NAME: Final = 50
"""Characters of a workload's name, which replicas get a number behind."""
MOST_REPLICAS: Final = 100
TO_US: Final = frozenset((vocabulary.INJECT, vocabulary.REVISION))
"""Labels that say whether to inject, and nothing of the workload."""
KNOWN: Final = frozenset((PORTS, HEALTH, ACCOUNT))


@dataclass(frozen=True, slots=True)
class Service:
    """One service, resolved.

    Attributes:
        name: Its key in the file.
        value: All that is said of it.
        labels: Its labels and annotations.
        places: Where what stands: line and column from 0, by the label, or by the path
            of a list's or a map's item, such as ``ports[1]``.

    """

    name: str
    value: Mapping[str, Value]
    labels: Mapping[str, str]
    places: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, name: str, value: Mapping[str, Value]) -> Service:
        """Return the service ``name``."""
        words = {
            **_words(value.get("annotations")),
            **_words(value.get("labels")),
        }
        labels = {key: word.text.replace("$$", "$") for key, word in words.items()}
        places = dict(_places(value, "")) | {k: each.at for k, each in words.items()}
        return cls(name, value, labels, places)

    @property
    def called(self) -> str:
        """Its name where only those of hosts will do."""
        return NOT_IN_NAMES.sub("-", self.name.lower()).strip("-")[:LONGEST_NAME]

    @property
    def replicas(self) -> int | None:
        """How many of it there are; None: it cannot be told."""
        deploy = self.value.get("deploy")
        said = deploy.get("replicas") if isinstance(deploy, dict) else None
        word = self.value.get("scale") or said
        if word is None:
            return 1
        text = str(word)
        if not (isinstance(word, Word) and text.isascii() and text.isdecimal()):
            return None
        return min(int(text), MOST_REPLICAS + 1)

    def verdict(self, revision: str) -> Decision[bool]:
        """Return whether it gets a sidecar of ``revision``, and why."""
        asked = self.labels.get(vocabulary.INJECT, "true")
        try:
            wanted = reading.boolean(asked)
        except ValueError:
            wanted = True  # which `workload` tells, and nothing is written
        if not wanted:
            return Decision(value=False, because=vocabulary.INJECT)
        mode = self.value.get("network_mode")
        if mode is not None and str(mode):
            return Decision(value=False, because=f"network_mode: {mode}")
        if self.labels.get(vocabulary.REVISION, revision) != revision:
            return Decision(value=False, because=vocabulary.REVISION)
        if self.replicas == 0:
            return Decision(value=False, because="replicas: 0")
        if vocabulary.INJECT in self.labels:
            return Decision(value=True, because=vocabulary.INJECT)
        return Decision(value=True)


def workload_of(
    service: Service, namespace: str
) -> tuple[Workload, tuple[Finding, ...]]:
    """Return the workload that ``service`` is, and what cannot be."""
    ports, findings = ports_of(service.value, service.labels)
    health, more = health_of(service.value, service.labels, ports)
    wrong = [*findings, *more, *_wrong(service)]
    own = {
        key: text
        for key, text in service.labels.items()
        if not vocabulary.is_annotation(key) and _selects(key, text)
    }
    workload = Workload(
        name=service.called,
        namespace=namespace,
        account=service.labels.get(ACCOUNT, service.called),
        labels={"app": service.called, **own},
        annotations={
            key: text
            for key, text in service.labels.items()
            if vocabulary.is_annotation(key)
        },
        ports=ports,
        replicas=service.replicas or 1,
        health=health,
    )
    return workload, tuple(wrong)


def _wrong(service: Service) -> list[Finding]:
    found: list[Finding] = []
    for key, text in service.labels.items():
        path = f'labels["{key}"]'
        ours = key.startswith(OURS)
        if ours and key not in KNOWN:
            hint = f"known are {', '.join(sorted(KNOWN))}"
            found.append(problem(path, "there is no such label of Meltemi", hint))
        if (ours or vocabulary.OF_ISTIO.fullmatch(key)) and "$" in text:
            message = f"{text!r} is a variable, and its value is not known here"
            found.append(problem(path, message, "write the value"))
    account = service.labels.get(ACCOUNT, service.called)
    if not SERVICE_ACCOUNT.fullmatch(account):
        where = f'labels["{ACCOUNT}"]' if ACCOUNT in service.labels else ""
        found.append(problem(where, f"{account!r} is no name of a service account"))
    try:
        reading.boolean(service.labels.get(vocabulary.INJECT, "true"))
    except ValueError as error:
        found.append(problem(f'labels["{vocabulary.INJECT}"]', str(error)))
    if service.replicas is None:
        hint = "write a number"
        found.append(problem("deploy.replicas", "how many is not known here", hint))
    elif service.replicas > MOST_REPLICAS:
        message = f"more than {MOST_REPLICAS} replicas on one machine"
        found.append(problem("deploy.replicas", message))
    return found


def _selects(key: str, text: str) -> bool:
    """Tell whether a label is one that others select workloads by.

    Docker's labels may be anything. Names of one word are taken (``version``), and
    those below a domain (``app.kubernetes.io/name``): not ``traefik.enable``.
    """
    prefix, _, name = key.rpartition("/")
    if key.startswith(OURS) or key in TO_US or (not prefix and "." in name):
        return False
    known = WORD.fullmatch(name) and (not prefix or PREFIX.fullmatch(prefix))
    return bool(known) and (not text or WORD.fullmatch(text) is not None)


def _places(value: Value | Mapping[str, Value], path: str) -> Iterator[_Place]:
    """Yield the path of each word in ``value``, and its place."""
    if isinstance(value, Word):
        yield path, value.at
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _places(each, f"{path}[{index}]")
    else:
        for key, each in value.items():
            yield from _places(each, f"{path}.{key}" if path else key)


def _words(value: Value | None) -> dict[str, Word]:
    """Return labels or annotations, whichever way they are written."""
    if isinstance(value, dict):
        return {key: each for key, each in value.items() if isinstance(each, Word)}
    found: dict[str, Word] = {}
    for each in value if isinstance(value, list) else []:
        if isinstance(each, Word):
            key, _, text = each.text.partition("=")
            found[key] = Word(text, at=each.at)
    return found
