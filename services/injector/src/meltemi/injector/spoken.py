"""What a workload says in Istio's words, read one by one; what is wrong is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from meltemi.config.proxy_annotation import ANNOTATION as PROXY_CONFIG
from meltemi.config.proxy_annotation import (
    InvalidProxyAnnotationError,
    proxy_annotation,
)
from meltemi.config.rules.problem import problem, warning
from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.injector.decision import Decision
from meltemi.injector.vocabulary import NOT_HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meltemi.config.finding import Finding

T = TypeVar("T")
DNS_CAPTURE: Final = "ISTIO_META_DNS_CAPTURE"
SERVED: Final = frozenset(
    {
        "concurrency",
        "hold_application_until_proxy_starts",
        "interception_mode",
        "proxy_metadata",
        "proxy_stats_matcher",
        "readiness_probe",
        "status_port",
        "termination_drain_duration",
    }
)
"""What of a ProxyConfig changes a sidecar."""
CONFIG_PATH: Final = f'labels["{PROXY_CONFIG}"]'


@dataclass(slots=True)
class Spoken:
    """The words of one workload: its labels and annotations together."""

    said: Mapping[str, str]
    config: ProxyDefaults = field(default_factory=ProxyDefaults)
    """What ``proxy.istio.io/config`` holds."""
    findings: list[Finding] = field(default_factory=list["Finding"])

    def __post_init__(self) -> None:
        if PROXY_CONFIG not in self.said:
            return
        try:
            self.config = proxy_annotation(self.said[PROXY_CONFIG])
        except InvalidProxyAnnotationError as error:
            self.findings.append(problem(CONFIG_PATH, str(error)))
        self.findings += _in_vain(self.config)

    def read(
        self, key: str, meaning: Callable[[str], T], otherwise: Decision[T]
    ) -> Decision[T]:
        """Return what is said at ``key``, or else ``otherwise``."""
        if key not in self.said:
            return otherwise
        try:
            return Decision(meaning(self.said[key].strip()), key)
        except ValueError as error:
            self.findings.append(problem(f'labels["{key}"]', str(error)))
            return otherwise

    def of_config(self, name: str, value: T | None, otherwise: T) -> Decision[T]:
        """Return what the ProxyConfig says at ``name``, or else ``otherwise``."""
        if value is None:
            return Decision(otherwise)
        return Decision(value, f"{PROXY_CONFIG} {name}")


def _in_vain(config: ProxyDefaults) -> Iterator[Finding]:
    nothing = ProxyDefaults()
    idle = [
        name
        for name in ProxyDefaults.__struct_fields__
        if name not in SERVED and getattr(config, name) != getattr(nothing, name)
    ]
    idle += [
        f"proxyMetadata.{each}" for each in config.proxy_metadata if each != DNS_CAPTURE
    ]
    for name in idle:
        message = f"{name} has no effect: {NOT_HERE}"
        yield warning(CONFIG_PATH, message, "remove it", code="NO_EFFECT")
