"""Fields that may be written and change nothing, so that their author is told.

An object is whole without them; a proxy that acted on them would be another program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.config.schema.message import Message

NO_EFFECT: Final = "NO_EFFECT"
CAPITAL: Final = re.compile("[A-Z]")
IN_ISTIO_NEITHER: Final = "no effect, in Istio neither"
UNSERVED: Final = "only gateways are given secrets: name files for sidecars"
POLICIES: Final = (
    "spec.trafficPolicy",
    "spec.trafficPolicy.portLevelSettings[]",
    "spec.subsets[].trafficPolicy",
    "spec.subsets[].trafficPolicy.portLevelSettings[]",
)
"""Where a DestinationRule may hold a traffic policy."""
IN_POLICIES: Final = {
    "loadBalancer.backendUtilization": IN_ISTIO_NEITHER,
    "loadBalancer.zoneAwareLbSetting": "no effect: name localityLbSetting instead",
    "tls.credentialName": UNSERVED,
}
AS_BY_DEFAULT: Final = "no effect, as in Istio unless it is told otherwise"
WAYPOINT: Final = "no effect: there are no waypoints"

FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "DestinationRule": {
        f"{policy}.{field}": why
        for policy in POLICIES
        for field, why in IN_POLICIES.items()
    }
    | {
        f"{policy}.retryBudget.budgetInterval": (
            "no effect: the share is of the requests under way"
        )
        for policy in POLICIES
        if not policy.endswith("[]")
    },
    "VirtualService": {
        "spec.tcp[].match[].sourceSubnet": IN_ISTIO_NEITHER,
    },
    "Gateway": {
        "spec.servers[].port.targetPort": IN_ISTIO_NEITHER,
        "spec.servers[].defaultEndpoint": IN_ISTIO_NEITHER,
        "spec.servers[].tls.tlsCertificates[].caCertificates": IN_ISTIO_NEITHER,
    },
    "RequestAuthentication": {
        "spec.jwtRules[].presence": IN_ISTIO_NEITHER,
    },
    "Sidecar": {
        "spec.ingress[].tls": AS_BY_DEFAULT,
        "spec.ingress[].port.targetPort": IN_ISTIO_NEITHER,
        "spec.egress[].port.targetPort": IN_ISTIO_NEITHER,
        "spec.ingress[].connectionPool.http.h2UpgradePolicy": IN_ISTIO_NEITHER,
        "spec.inboundConnectionPool.http.h2UpgradePolicy": IN_ISTIO_NEITHER,
    },
    "WorkloadGroup": {
        "spec.template.address": "no effect: a workload registers with its own",
    },
    "EnvoyFilter": {
        "spec.configPatches[].match.listener.portName": IN_ISTIO_NEITHER,
        "spec.configPatches[].match.listener.filterChain.transportSocket": (
            IN_ISTIO_NEITHER
        ),
        "spec.configPatches[].match.waypoint": WAYPOINT,
        "spec.configPatches[].patch.filterClass": (
            "no effect: say where with operation and match"
        ),
    },
}
"""By kind: the field, or all below it, and what to know."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field on the way to one in vain, or that one.

    Attributes:
        name: As people write it.
        why: What to know about it, when it is in vain.
        below: The fields of its message, by the attribute that holds them.

    """

    name: str
    why: str
    below: Mapping[str, Field]


def _below(fields: Mapping[tuple[str, ...], str]) -> Mapping[str, Field]:
    """Return the tree of paths: what a specification lacks costs one look."""
    names = dict.fromkeys(steps[0] for steps in fields)
    inner = {
        name: {steps[1:]: why for steps, why in fields.items() if steps[0] == name}
        for name in names
    }
    return {
        CAPITAL.sub(_lower, name): Field(
            name,
            rest.get((), ""),
            _below({steps: why for steps, why in rest.items() if steps}),
        )
        for name, rest in inner.items()
    }


def _lower(capital: re.Match[str]) -> str:
    return f"_{capital[0].lower()}"


TREES: Final[Mapping[str, Mapping[str, Field]]] = {
    kind: _below(
        {
            tuple(path.replace("[]", "").split(".")[1:]): why
            for path, why in fields.items()
        }
    )
    for kind, fields in FIELDS.items()
}


def effect(kind: str, path: str) -> str:
    """Return what to know about a field without effect; empty: it has one.

    Args:
        kind: Such as ``Gateway``.
        path: Such as ``spec.servers[].tls.mode``.

    """
    fields = FIELDS.get(kind, {})
    steps = path.split(".")
    above = (".".join(steps[:count]) for count in range(len(steps), 0, -1))
    return next((fields[each] for each in above if each in fields), "")


def check_effect(spec: Message) -> Iterator[Finding]:
    """Warn of what ``spec`` says in vain."""
    return _said(spec, TREES.get(type(spec).__name__, {}), "spec")


def _said(value: Message, fields: Mapping[str, Field], path: str) -> Iterator[Finding]:
    for attribute, field in fields.items():
        inner = getattr(value, attribute)
        if inner in (None, (), {}):
            continue
        here = f"{path}.{field.name}"
        if field.why:
            yield warning(here, field.why, code=NO_EFFECT)
        elif isinstance(inner, tuple):
            for place, each in enumerate(inner):
                yield from _said(each, field.below, f"{here}[{place}]")
        else:
            yield from _said(inner, field.below, here)
