"""What must hold for the preference of near endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.load_balancer import (
        Failover,
        LocalityLoadBalancerSetting,
    )

WHOLE: Final = 100
TOPOLOGY: Final = frozenset(
    (
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "topology.istio.io/subzone",
    )
)


def check_locality(
    path: str, setting: LocalityLoadBalancerSetting | None, *, outlier: bool
) -> Iterator[Finding]:
    """Yield what Istio's ValidateLocalityLbSetting says.

    ``outlier`` tells whether outlier detection is on, which failover needs.
    """
    if setting is None:
        return
    if setting.distribute and (setting.failover or setting.failover_priority):
        yield problem(path, "distribute excludes failover and failoverPriority")
    if setting.failover and TOPOLOGY & set(setting.failover_priority):
        message = "failover excludes regions, zones and subzones here"
        yield problem(f"{path}.failoverPriority", message)
    for index, rule in enumerate(setting.distribute):
        here = f"{path}.distribute[{index}].to"
        total = sum(rule.to.values())
        if total != WHOLE:
            yield problem(here, f"the shares add up to {total}, not {WHOLE}")
        if not all(1 <= share <= WHOLE for share in rule.to.values()):
            yield problem(here, f"a share is from 1 to {WHOLE}")
        yield from _check_localities(here, rule.to)
    sources = [rule.from_ or "" for rule in setting.distribute]
    yield from _check_localities(f"{path}.distribute", sources)
    if (setting.failover or setting.failover_priority) and not outlier:
        message = "failover needs outlier detection to see that endpoints fail"
        yield warning(path, message, "add outlierDetection")
    for index, failover in enumerate(setting.failover):
        yield from _check_failover(f"{path}.failover[{index}]", failover)


def _check_failover(path: str, failover: Failover) -> Iterator[Finding]:
    source, target = failover.from_ or "", failover.to or ""
    if source == target:
        yield problem(path, "from and to must be different regions")
    if "/" in source + target or "*" in source + target:
        yield problem(path, "from and to are names of regions", "without '/' and '*'")


def _check_localities(path: str, localities: Iterable[str]) -> Iterator[Finding]:
    seen: set[tuple[str, ...]] = set()
    within: set[tuple[str, ...]] = set()
    for locality in localities:
        parts = tuple(locality.split("/", 2))
        if not all(parts):
            yield problem(path, f"{locality!r} has an empty part")
        if "*" in locality.removesuffix("*"):
            message = f"{locality!r}: a '*' may stand at the end only"
            yield problem(path, message)
        named = tuple(part for part in parts if part != "*")
        wider = {named[:length] for length in range(len(named) + 1)}
        if named in within or wider & seen:
            yield problem(path, f"{locality!r} overlaps another")
        seen.add(named)
        within |= wider
