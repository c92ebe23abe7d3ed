"""Fields that Istio has replaced, and that may go away.

Source: pkg/config/analysis/analyzers/deprecation/deprecation.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, remark
from meltemi.config.analysis.world import World, subject
from meltemi.config.schema.sidecar import Sidecar
from meltemi.config.schema.virtual_service import VirtualService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.analysis.remark import Remark

DEPRECATED = Message("IST0002", Level.WARNING, "Deprecated: %s")


def deprecated_fields(world: World) -> Iterator[Remark]:
    """Yield a remark a field that has a successor."""
    for virtual in world.of(VirtualService):
        for number, rule in enumerate(virtual.spec.http):
            delay = rule.fault.delay if rule.fault else None
            if delay and delay.percent:
                text = "use HTTPRoute.Fault.Delay.Percent; use Percentage instead"
                path = f"spec.http[{number}].fault.delay.percent"
                yield remark(DEPRECATED, subject(virtual), text, path=path)
    for sidecar in world.of(Sidecar):
        policy = sidecar.spec.outbound_traffic_policy
        if policy and policy.egress_proxy:
            text = (
                "use of egressProxy is deprecated; it will be removed in a later "
                "release"
            )
            path = "spec.outboundTrafficPolicy.egressProxy"
            yield remark(DEPRECATED, subject(sidecar), text, path=path)
