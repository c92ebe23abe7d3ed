"""From a workload to its sidecar: every value with what decided it. Pure.

::

    defaults < proxy.istio.io/config < an annotation of its own
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Final

from meltemi.config.probe_text import written_probe
from meltemi.config.proxy_annotation import ANNOTATION as PROXY_CONFIG
from meltemi.config.rules.labels import WORD
from meltemi.config.rules.problem import problem
from meltemi.config.rules.regex import check_regex
from meltemi.config.schema.proxy_defaults import ProxyStatsMatcher
from meltemi.injector import reading, vocabulary
from meltemi.injector.decision import DEFAULT, Decision
from meltemi.injector.reading import ALL, Mode
from meltemi.injector.spoken import CONFIG_PATH, DNS_CAPTURE, Spoken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.injector.workload import Workload

LONGEST_DRAIN: Final = 3600.0
"""Seconds that the agent takes for draining."""
MOST_WORKERS: Final = 1024
NAMES: Final = ("app.kubernetes.io/name", "app")
REVISIONS: Final = ("app.kubernetes.io/version", "version")
NO_REVISION: Final = "latest"
USUAL_STATUS: Final = (15020, 15021, 15090)
"""What the rules of capture leave alone anyway."""
STATS: Final = {
    "Prefixes": (vocabulary.STATS_PREFIXES, reading.words),
    "Suffixes": (vocabulary.STATS_SUFFIXES, reading.words),
    "Regexps": (vocabulary.STATS_REGEXPS, reading.regexps),
}
Words = Decision[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where a workload says nothing."""

    image: str = "meltemi/proxy:dev"
    hold: bool = True
    dns: bool = True
    concurrency: int = 2
    drain_seconds: float = 5.0
    log_level: str = "warning"
    status_port: int = 15021
    admin_port: int = 15000


@dataclass(frozen=True, slots=True)
class Capture:
    """Which traffic meets the proxy.

    Attributes:
        mode: How.
        inbound_ports: Captured, or ``*``.
        inbound_exclude: Left alone though every port is captured.
        outbound_ports: Captured whatever the address.
        outbound_exclude: Never captured.
        outbound_ranges: Captured, or ``*``.
        outbound_ranges_exclude: Never captured.
        interfaces_exclude: Whose traffic is left alone.
        virtual_interfaces: Of machines behind this one.
        dns: Whether DNS goes to the agent.

    """

    mode: Decision[Mode]
    inbound_ports: Words
    inbound_exclude: Words
    outbound_ports: Words
    outbound_exclude: Words
    outbound_ranges: Words
    outbound_ranges_exclude: Words
    interfaces_exclude: Words
    virtual_interfaces: Words
    dns: Decision[bool]


@dataclass(frozen=True, slots=True)
class Proxy:
    """What the agent and its Envoy are started with.

    Attributes:
        image: Of the proxy, and of what captures.
        status_port: Where the agent answers about itself.
        admin_port: Where its Envoy does, on loopback.
        config: The rest of a ProxyConfig, as JSON, that the agent reads; or nothing.
        concurrency: Envoy's worker threads; 0: one a core.
        drain_seconds: How long open connections may finish.
        hold: Whether the application waits until the proxy is ready.
        log_level: Envoy's.
        health: How the application is asked whether it is well, as JSON; empty: nobody
            asks.
        stats_prefixes: Statistics to keep beside the usual ones, by how they begin.
        stats_suffixes: By how they end.
        stats_regexps: By what they match.
        cpu: Asked for, in Kubernetes' spelling; empty: nothing is said.
        cpu_limit: The most it gets.
        memory: Likewise asked for.
        memory_limit: The most it gets.

    """

    image: Decision[str]
    status_port: Decision[int]
    admin_port: Decision[int]
    config: Decision[str]
    concurrency: Decision[int]
    drain_seconds: Decision[float]
    hold: Decision[bool]
    log_level: Decision[str]
    health: Decision[str]
    stats_prefixes: Words
    stats_suffixes: Words
    stats_regexps: Words
    cpu: Decision[str]
    cpu_limit: Decision[str]
    memory: Decision[str]
    memory_limit: Decision[str]


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What runs beside a workload, and what it is called in metrics."""

    workload: Workload
    canonical_name: Decision[str]
    canonical_revision: Decision[str]
    capture: Capture
    proxy: Proxy

    @property
    def labels(self) -> Mapping[str, str]:
        """What the workload carries in the mesh."""
        own = self.workload.labels
        name = self.workload.name
        is_alone = own.get("app") == name and not self.workload.names
        apart = {} if is_alone else {vocabulary.WORKLOAD_NAME: name}
        return {
            **own,
            **apart,
            vocabulary.CANONICAL_NAME: self.canonical_name.value,
            vocabulary.CANONICAL_REVISION: self.canonical_revision.value,
        }

    @property
    def decisions(self) -> Iterator[tuple[str, Decision[object]]]:
        """Every value with its reason, for people."""
        for part in (self, self.proxy, self.capture):
            for each in fields(part):
                value = getattr(part, each.name)
                if isinstance(value, Decision):
                    yield each.name, value


def sidecar_of(
    workload: Workload, defaults: Defaults, acted: frozenset[str] = frozenset()
) -> tuple[Sidecar, tuple[Finding, ...]]:
    """Return the sidecar of ``workload``, and what there is to say to its owner.

    ``acted`` are words that the form of description acts on by itself. A finding's path
    is ``labels["KEY"]``, whether it stood there or among annotations. One that is an
    error names a value that was not taken: nothing may be made of it.
    """
    spoken = Spoken({**workload.annotations, **workload.labels})
    proxy = _proxy(spoken, defaults, workload)
    sidecar = Sidecar(
        workload,
        _called(workload, vocabulary.CANONICAL_NAME, NAMES, workload.name),
        _called(workload, vocabulary.CANONICAL_REVISION, REVISIONS, NO_REVISION),
        _capture(spoken, defaults, proxy.status_port),
        proxy,
    )
    spoken.findings += vocabulary.without_effect(
        spoken.said, acted | vocabulary.ACTED_ON
    )
    spoken.findings += _odd_labels(workload.labels)
    return sidecar, tuple(spoken.findings)


def _called(
    workload: Workload, key: str, others: tuple[str, ...], otherwise: str
) -> Decision[str]:
    """Return what Istio calls it: by the word for it, or by a usual label.

    Source: Istio's pkg/model, canonical service labels.
    """
    for each in (key, *others):
        if workload.labels.get(each):
            return Decision(workload.labels[each], each)
    because = "name" if otherwise == workload.name else "default"
    return Decision(otherwise, because)


def _capture(spoken: Spoken, defaults: Defaults, status: Decision[int]) -> Capture:
    everything = Decision[tuple[str, ...]]((ALL,))
    listed = partial(spoken.read, otherwise=Decision[tuple[str, ...]](()))
    return Capture(
        mode=_mode(spoken),
        inbound_ports=spoken.read(
            vocabulary.INCLUDE_INBOUND_PORTS, reading.ports_or_all, everything
        ),
        inbound_exclude=_left_alone(spoken, status),
        outbound_ports=listed(vocabulary.INCLUDE_OUTBOUND_PORTS, reading.ports),
        outbound_exclude=listed(vocabulary.EXCLUDE_OUTBOUND_PORTS, reading.ports),
        outbound_ranges=spoken.read(
            vocabulary.INCLUDE_RANGES, reading.ranges_or_all, everything
        ),
        outbound_ranges_exclude=listed(vocabulary.EXCLUDE_RANGES, reading.ranges),
        interfaces_exclude=listed(vocabulary.EXCLUDE_INTERFACES, reading.interfaces),
        virtual_interfaces=listed(vocabulary.VIRTUAL_INTERFACES, reading.interfaces),
        dns=_dns(spoken, defaults),
    )


def _mode(spoken: Spoken) -> Decision[Mode]:
    mode = spoken.config.interception_mode
    said = Mode(mode) if mode else None
    otherwise = spoken.of_config("interceptionMode", said, Mode.REDIRECT)
    return spoken.read(vocabulary.MODE, reading.mode, otherwise)


def _left_alone(spoken: Spoken, status: Decision[int]) -> Words:
    """Return the ports that are not captured: never the one that tells of readiness."""
    said = spoken.read(
        vocabulary.EXCLUDE_INBOUND_PORTS, reading.ports, Decision[tuple[str, ...]](())
    )
    if status.value in USUAL_STATUS:
        return said
    because = ", ".join(each.because for each in (said, status) if each.value)
    return Decision((*said.value, str(status.value)), because)


def _dns(spoken: Spoken, defaults: Defaults) -> Decision[bool]:
    said = spoken.config.proxy_metadata.get(DNS_CAPTURE)
    name = f"proxyMetadata.{DNS_CAPTURE}"
    captured = None if said is None else spoken.meant(name, said, reading.boolean)
    return spoken.of_config(name, captured, defaults.dns)


def _proxy(spoken: Spoken, defaults: Defaults, workload: Workload) -> Proxy:
    config, listed = spoken.config, partial(spoken.read, otherwise=Decision(""))
    status = spoken.of_config("statusPort", config.status_port, defaults.status_port)
    matcher = config.proxy_stats_matcher or ProxyStatsMatcher()
    log_level = Decision(defaults.log_level)
    return Proxy(
        image=spoken.read(vocabulary.IMAGE, reading.image, Decision(defaults.image)),
        status_port=spoken.read(vocabulary.STATUS_PORT, reading.port, status),
        admin_port=spoken.of_config(
            "proxyAdminPort", config.proxy_admin_port, defaults.admin_port
        ),
        config=Decision(
            spoken.passed_on, PROXY_CONFIG if spoken.passed_on else DEFAULT
        ),
        concurrency=spoken.of_config(
            "concurrency", config.concurrency, defaults.concurrency
        ),
        drain_seconds=_drain(spoken, defaults),
        hold=spoken.of_config(
            "holdApplicationUntilProxyStarts",
            config.hold_application_until_proxy_starts,
            defaults.hold,
        ),
        log_level=spoken.read(vocabulary.LOG_LEVEL, reading.log_level, log_level),
        health=_health(spoken, workload),
        stats_prefixes=_stats(spoken, "Prefixes", matcher.inclusion_prefixes),
        stats_suffixes=_stats(spoken, "Suffixes", matcher.inclusion_suffixes),
        stats_regexps=_stats(spoken, "Regexps", matcher.inclusion_regexps),
        cpu=listed(vocabulary.CPU, reading.cpu),
        cpu_limit=listed(vocabulary.CPU_LIMIT, reading.cpu),
        memory=listed(vocabulary.MEMORY, reading.memory),
        memory_limit=listed(vocabulary.MEMORY_LIMIT, reading.memory),
    )


def _health(spoken: Spoken, workload: Workload) -> Decision[str]:
    """Return the probe that a word of the workload's owner says, or else its form."""
    probe = spoken.config.readiness_probe
    if probe is None or workload.health.because in spoken.said:
        return workload.health
    if probe.exec is not None:
        hint = "say httpGet, tcpSocket or grpc"
        message = "readinessProbe: exec runs beside the application, not in it"
        spoken.findings.append(problem(CONFIG_PATH, message, hint))
    return spoken.of_config("readinessProbe", written_probe(probe), "")


def _stats(spoken: Spoken, which: str, configured: tuple[str, ...]) -> Words:
    """Return the statistics to keep: an annotation's, or else the ProxyConfig's."""
    name = f"proxyStatsMatcher.inclusion{which}"
    key, meaning = STATS[which]
    for each in configured if meaning is reading.regexps else ():
        spoken.findings += check_regex(CONFIG_PATH, each)
    return spoken.read(key, meaning, spoken.of_config(name, configured or None, ()))


def _drain(spoken: Spoken, defaults: Defaults) -> Decision[float]:
    drain = spoken.config.termination_drain_duration
    seconds = None if drain is None else drain.seconds
    if seconds is not None and not 0 <= seconds <= LONGEST_DRAIN:
        message = f"terminationDrainDuration of {seconds:g} s: expected 0 s to 1 h"
        spoken.findings.append(problem(CONFIG_PATH, message))
    return spoken.of_config("terminationDrainDuration", seconds, defaults.drain_seconds)


def _odd_labels(labels: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each of Istio's labels whose value none can have."""
    for key in vocabulary.LABELS & labels.keys():
        if labels[key] and not WORD.fullmatch(labels[key]):
            hint = "use letters, digits, '-', '_' and '.', at most 63"
            yield problem(f'labels["{key}"]', f"{labels[key]!r} is no value", hint)
