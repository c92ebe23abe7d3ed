"""What a workload says in Istio's words, read one by one; what is wrong is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from meltemi.config.finding import Severity
from meltemi.config.heard import refusals, unheard
from meltemi.config.proxy_annotation import ANNOTATION as PROXY_CONFIG
from meltemi.config.proxy_annotation import (
    InvalidProxyAnnotationError,
    proxy_annotation,
)
from meltemi.config.rules.mesh_config import check_proxy_defaults
from meltemi.config.rules.problem import problem, warning
from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.values import encode_value
from meltemi.injector.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meltemi.config.finding import Finding

T = TypeVar("T")
DNS_CAPTURE: Final = "ISTIO_META_DNS_CAPTURE"
OURS: Final = (
    *("concurrency", "hold_application_until_proxy_starts", "interception_mode"),
    *("proxy_admin_port", "proxy_stats_matcher", "readiness_probe", "status_port"),
    "termination_drain_duration",
)
"""What of a ProxyConfig decides something of a sidecar before its agent reads it."""
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
        self.findings += _refused(self.config)

    @property
    def passed_on(self) -> str:
        """The rest of the ProxyConfig, for the agent to read, as JSON; or nothing."""
        variables = self.config.proxy_metadata.items()
        rest = msgspec.structs.replace(
            self.config,
            proxy_metadata={key: v for key, v in variables if key != DNS_CAPTURE},
            **dict.fromkeys(OURS),
        )
        if rest == ProxyDefaults():
            return ""
        return msgspec.json.encode(rest, enc_hook=encode_value).decode()

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

    def meant(self, name: str, text: str, meaning: Callable[[str], T]) -> T | None:
        """Return what ``text`` at ``name`` of the ProxyConfig means; None: nothing."""
        try:
            return meaning(text.strip())
        except ValueError as error:
            self.findings.append(problem(CONFIG_PATH, f"{name}: {error}"))
            return None

    def of_config(self, name: str, value: T | None, otherwise: T) -> Decision[T]:
        """Return what the ProxyConfig says at ``name``, or else ``otherwise``."""
        if value is None:
            return Decision(otherwise)
        return Decision(value, f"{PROXY_CONFIG} {name}")


def _in_vain(config: ProxyDefaults) -> Iterator[Finding]:
    served = {"holdApplicationUntilProxyStarts", f"proxyMetadata.{DNS_CAPTURE}"}
    for name in unheard(config):
        if name not in served:
            message = f"{name} has no effect: no agent reads it"
            yield warning(CONFIG_PATH, message, "remove it", code="NO_EFFECT")


def _refused(config: ProxyDefaults) -> Iterator[Finding]:
    for why in refusals(config):
        yield problem(CONFIG_PATH, why, "remove it")
    for each in check_proxy_defaults("", config):
        if each.severity is Severity.ERROR:
            where = each.path.removeprefix(".")
            yield problem(CONFIG_PATH, f"{where}: {each.message}", each.hint)
