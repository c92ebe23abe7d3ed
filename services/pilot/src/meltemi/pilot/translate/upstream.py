"""Services that MeshConfig's extension providers name, as the proxy reaches them.

Source: pilot/pkg/model/telemetry_logging.go LookupCluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.translate.name import outbound_cluster

if TYPE_CHECKING:
    from collections.abc import Collection

    from meltemi.config.schema.extension_provider import Provider
    from meltemi.pilot.scope.scope import Scope


@dataclass(frozen=True, slots=True)
class Upstream:
    """A cluster the proxy holds, and the host it stands for."""

    cluster: str
    host: str


def upstream(scope: Scope, of: Provider) -> Upstream | None:
    """Return where ``of`` is; None where the proxy does not reach it.

    Envoy refuses a listener that reports to a cluster it does not have.
    """
    known = [(each.namespace, each.host) for each in scope.services.values()]
    host = only_host(of.service, known)
    service = scope.services.get(host or "")
    if service is None or service.port(of.port) is None or service.alias_of:
        return None
    if not scope.group.captured and service.resolution is Resolution.NONE:
        return None
    return Upstream(outbound_cluster(of.port, "", service.host), service.host)


def only_host(service: str, services: Collection[tuple[str, str]]) -> str | None:
    """Return the host that ``[NAMESPACE/]HOST`` means, if just one service has it.

    Args:
        service: As a provider writes it.
        services: Namespace and host of those there are.

    """
    namespace, slash, host = service.rpartition("/")
    homes = {home for home, each in services if each == host}
    known = namespace in homes if slash else len(homes) == 1
    return host if known else None
