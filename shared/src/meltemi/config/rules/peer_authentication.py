"""What must hold for a PeerAuthentication."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import HIGHEST_PORT, check_labels
from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.peer_authentication import PeerAuthentication

PORT: Final = re.compile(r"[0-9]{1,5}")


def check_peer_authentication(spec: PeerAuthentication) -> Iterator[Finding]:
    """Yield what Istio's ValidatePeerAuthentication refuses."""
    labels = spec.selector.match_labels if spec.selector else {}
    yield from check_labels("spec.selector.matchLabels", labels)
    for port in spec.port_level_mtls:
        path = f'spec.portLevelMtls["{port}"]'
        number = int(port) if PORT.fullmatch(port) else 0
        if not 1 <= number <= HIGHEST_PORT:
            yield problem(path, f"{port!r} is not a port from 1 to {HIGHEST_PORT}")
    if spec.port_level_mtls and not labels:
        hint = "say which workloads: a workload's port means nothing without"
        yield problem("spec.portLevelMtls", "needs a selector", hint)
