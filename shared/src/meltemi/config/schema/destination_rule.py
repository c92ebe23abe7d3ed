"""DestinationRule: what happens after routing, on the way to a host."""

from collections.abc import Mapping

from meltemi.config.schema.message import Message
from meltemi.config.schema.selector import PolicySelector
from meltemi.config.schema.traffic_policy import TrafficPolicy


class Subset(Message, frozen=True, kw_only=True):
    """Some of a host's endpoints."""

    name: str
    """Unique in the rule; part of the cluster's name."""
    labels: Mapping[str, str] = {}
    """Labels its endpoints carry; empty takes all of them."""
    traffic_policy: TrafficPolicy | None = None
    """Overrides the rule's policy section by section."""


class DestinationRule(Message, frozen=True, kw_only=True):
    """Policy and subsets of a host."""

    host: str
    """A service; short names are completed with the rule's namespace; or ``*.x``."""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    """Namespaces whose clients it holds for: names, ``.``, ``*``; default all."""
    workload_selector: PolicySelector | None = None
    """Clients it holds for, in the same namespace; default all."""
