"""Every value of the sidecars of a project, with what decided it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.injector.compose.project import Outcome, Project


@dataclass(frozen=True, slots=True)
class Row:
    """One value."""

    service: str
    setting: str
    value: object
    because: str

    @property
    def plain(self) -> dict[str, object]:
        """The row for programs."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {
            "service": self.service,
            "setting": self.setting,
            "value": value,
            "because": self.because,
        }

    @property
    def cells(self) -> list[str]:
        """The row for people."""
        if isinstance(self.value, bool):
            text = str(self.value).lower()
        elif isinstance(self.value, tuple):
            text = ",".join(self.value)
        else:
            text = str(self.value)
        return [self.service, self.setting, text or "-", self.because]


def explained(project: Project) -> Iterator[Row]:
    """Yield every decision of ``project``, service by service."""
    for outcome in project.outcomes:
        name, verdict = outcome.service.name, outcome.verdict
        yield Row(name, "inject", verdict.value, verdict.because)
        yield from _of_sidecar(outcome)


def _of_sidecar(outcome: Outcome) -> Iterator[Row]:
    name, sidecar = outcome.service.name, outcome.sidecar
    if sidecar is None:
        return
    for port in sidecar.workload.ports:
        yield Row(name, f"port {port.number}", port.name, port.because)
    for setting, decision in sidecar.decisions:
        yield Row(name, setting, decision.value, decision.because)
