"""Which places are used first, and how much traffic each is given.

Source: pilot/pkg/networking/core/loadbalancer/loadbalancer.go
ApplyLocalityLoadBalancer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Final

from meltemi.pilot import ir
from meltemi.pilot.translate.cluster.load_balancer import locality_setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from meltemi.config.schema.load_balancer import (
        Distribute,
        Failover,
        LocalityLoadBalancerSetting,
    )
    from meltemi.config.schema.traffic_policy import TrafficPolicy
    from meltemi.pilot.model.service import Instance
    from meltemi.pilot.scope.scope import Scope

ANYWHERE: Final = "*"
ELSEWHERE: Final = 3
"""The priority of another region; one that failover leaves out has the next."""
STEP: Final = 5
"""More than the priorities that places make: those of labels go before them."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An endpoint and the instance it stands for; None: a gateway of its network."""

    instance: Instance | None
    endpoint: ir.Endpoint
    locality: ir.Locality | None = None
    """Of a gateway: the place of the endpoints behind it."""

    @property
    def place(self) -> ir.Locality:
        """Where it is."""
        if self.locality is not None:
            return self.locality
        return self.instance.locality if self.instance else ir.Locality()


def placed(
    found: Iterable[Placed], policy: TrafficPolicy, scope: Scope
) -> tuple[ir.LocalityEndpoints, ...]:
    """Return the endpoints by place, weighed and ranked for the proxies of ``scope``.

    Failover needs outlier detection: without it Envoy never learns that endpoints
    fail, and would use no other place.
    """
    places: dict[ir.Locality, list[Placed]] = {}
    for each in found:
        places.setdefault(each.place, []).append(each)
    mesh = scope.config.document.locality_lb_setting
    setting = locality_setting(policy.load_balancer, mesh)
    if setting is None:
        return _grouped(places)
    if setting.distribute:
        return _shared(_grouped(places), scope.group.locality, setting.distribute)
    if policy.outlier_detection is None:
        return _grouped(places)
    return _ranked(places, setting, scope)


def _grouped(
    places: Mapping[ir.Locality, Sequence[Placed]],
) -> tuple[ir.LocalityEndpoints, ...]:
    return tuple(_group(place, places[place]) for place in sorted(places))


def _group(place: ir.Locality, members: Iterable[Placed]) -> ir.LocalityEndpoints:
    endpoints = sorted(
        (each.endpoint for each in members), key=lambda e: (e.address, e.port)
    )
    return ir.LocalityEndpoints(place, tuple(endpoints))


def _ranked(
    places: Mapping[ir.Locality, Sequence[Placed]],
    setting: LocalityLoadBalancerSetting,
    scope: Scope,
) -> tuple[ir.LocalityEndpoints, ...]:
    labels = scope.group.label_map
    groups: list[ir.LocalityEndpoints]
    if setting.failover_priority:
        groups = [
            group
            for place in sorted(places)
            for group in _by_labels(
                place, places[place], setting.failover_priority, labels
            )
        ]
        groups = _closed_up(groups)
        if not setting.failover:
            return tuple(groups)
    else:
        groups = list(_grouped(places))
    home = scope.group.locality
    ranked = [
        replace(
            each,
            priority=each.priority * STEP + _distance(home, each, setting.failover),
        )
        for each in groups
    ]
    return tuple(_closed_up(ranked))


def _distance(
    home: ir.Locality, group: ir.LocalityEndpoints, failover: Iterable[Failover]
) -> int:
    place = group.locality or ir.Locality()
    if home.region != place.region:
        chosen = next((each for each in failover if each.from_ == home.region), None)
        left_out = chosen is not None and chosen.to != place.region
        return ELSEWHERE + int(left_out)
    if home.zone != place.zone:
        return 2
    return int(home.subzone != place.subzone)


def _by_labels(
    place: ir.Locality,
    members: Sequence[Placed],
    labels: Sequence[str],
    own: Mapping[str, str],
) -> list[ir.LocalityEndpoints]:
    """Return the endpoints of a place by how many of ``labels`` are the proxy's too.

    ``KEY=VALUE`` stands for the proxy's own value of a label.
    """
    ranks: dict[int, list[Placed]] = {}
    for each in members:
        ranks.setdefault(_rank(each, labels, own), []).append(each)
    return [replace(_group(place, ranks[r]), priority=r) for r in sorted(ranks)]


def _rank(each: Placed, labels: Sequence[str], own: Mapping[str, str]) -> int:
    theirs = each.instance.labels if each.instance else {}
    for number, written in enumerate(labels):
        key, given, value = written.partition("=")
        wanted = value if given else own.get(key, "")
        if wanted != theirs.get(key, ""):
            return len(labels) - number
    return 0


def _closed_up(groups: Sequence[ir.LocalityEndpoints]) -> list[ir.LocalityEndpoints]:
    """Return ``groups`` with priorities that leave no number out: Envoy wants that."""
    order = sorted({each.priority for each in groups})
    return [replace(each, priority=order.index(each.priority)) for each in groups]


def _shared(
    groups: tuple[ir.LocalityEndpoints, ...],
    home: ir.Locality,
    distribute: Iterable[Distribute],
) -> tuple[ir.LocalityEndpoints, ...]:
    """Return ``groups`` with the shares that the first rule for ``home`` gives."""
    rule = next((each for each in distribute if _matches(home, each.from_ or "")), None)
    if rule is None:
        return groups
    shares: dict[int, int] = {}
    for pattern, share in sorted(rule.to.items()):
        taken = {
            number: group.share
            for number, group in enumerate(groups)
            if number not in shares and _matches(group.locality, pattern)
        }
        total = sum(taken.values())
        for number, weight in taken.items():
            shares[number] = ceil(weight * share / total)
    return tuple(
        replace(group, weight=shares[number] or None)
        if number in shares
        else replace(group, endpoints=(), weight=group.share)
        for number, group in enumerate(groups)
    )


def _matches(place: ir.Locality | None, pattern: str) -> bool:
    """Tell whether ``pattern`` (``region/zone/subzone``, ``*``) includes a place."""
    place = place or ir.Locality()
    parts = [*pattern.split("/"), "", ""]
    region = parts[0] in (ANYWHERE, place.region)
    zone = parts[1] in ("", ANYWHERE, place.zone)
    return region and zone and parts[2] in ("", ANYWHERE, place.subzone)
