"""Which DestinationRule holds for a service, seen from one namespace.

Source: pilot/pkg/model/push_context.go destinationRule: the caller's namespace, then
the service's, then the root; the first with a matching host wins and rules of two
namespaces are never merged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.model.service import selects
from meltemi.pilot.model.visibility import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.pilot.model.destination_rules import Merged, Rules


def destination_rules(
    rules: Rules, host: str, *, home: str, caller: str, root_namespace: str
) -> tuple[Merged, ...]:
    """Return the rules for traffic from namespace ``caller`` to a service.

    Args:
        rules: All of them.
        host: The service's.
        home: The service's namespace.
        caller: The client's namespace.
        root_namespace: Where rules for the whole mesh are.

    """
    if caller != root_namespace:
        local = rules.local.get(caller)
        found = local.most_specific(host) if local else ()
    else:
        found = rules.root_only.most_specific(host)
    if found:
        return found
    for namespace in dict.fromkeys((home, root_namespace)):
        exported = rules.exported.get(namespace)
        found = exported.most_specific(host) if exported else ()
        seen = tuple(
            each
            for each in found
            if not each.export_to or each.export_to & {EVERYONE, caller}
        )
        if seen:
            return seen
    return ()


def for_workload(
    found: tuple[Merged, ...], *, namespace: str, labels: Mapping[str, str]
) -> Merged | None:
    """Return the rule of ``found`` for clients with ``labels``.

    One that selects them stands before one for all.

    Source:
        pilot/pkg/model/sidecar.go SidecarScope.DestinationRule.

    """
    for_all = None
    for each in found:
        if each.selector is None:
            for_all = each
        elif each.rule.metadata.namespace == namespace and selects(
            each.selector, labels
        ):
            return each
    return for_all
