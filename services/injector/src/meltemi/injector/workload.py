"""A workload as its owner describes it, whatever form the description has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meltemi.injector.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

UNASKED: Final = Decision("")
"""Where nothing tells how an application is asked."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the workload serves.

    Attributes:
        number: Where it listens.
        name: Of the service's port; how it begins tells the protocol, as in Istio.
        because: What said so.

    """

    number: int
    name: str
    because: str = ""

    @property
    def protocol(self) -> str:
        """The protocol that the name tells, as a ServiceEntry spells it."""
        return self.name.partition("-")[0].upper()


@dataclass(frozen=True, slots=True)
class Workload:
    """What the injector is told.

    Attributes:
        name: Of the service it is an instance of.
        namespace: Where it belongs.
        account: Whom its certificate is for.
        labels: By which others select it.
        annotations: What is said to Istio of it.
        ports: What it serves.
        replicas: How many of it there are.
        names: What it is called beside, by those who call it.
        health: How its application is asked whether it is well, a ReadinessProbe as
            JSON; empty: nobody asks.

    """

    name: str
    namespace: str
    account: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    ports: tuple[Port, ...] = ()
    replicas: int = 1
    names: tuple[str, ...] = ()
    health: Decision[str] = UNASKED
