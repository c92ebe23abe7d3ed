"""What must hold for a PeerAuthentication."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import HIGHEST_PORT
from meltemi.config.rules.labels import check_policy_selector
from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.peer_authentication import PeerAuthentication

PORT: Final = re.compile(r"[0-9]{1,5}")


def check_peer_authentication(spec: PeerAuthentication) -> Iterator[Finding]:
    """Yield what Istio's ValidatePeerAuthentication says."""
    yield from check_policy_selector("spec.selector", spec.selector)
    ports = spec.port_level_mtls
    if ports is None:
        return
    if not ports:
        yield problem("spec.portLevelMtls", "must not be empty", "remove it")
    for port in ports:
        path = f'spec.portLevelMtls["{port}"]'
        number = int(port) if PORT.fullmatch(port) else 0
        if not 1 <= number <= HIGHEST_PORT:
            yield problem(path, f"{port!r} is not a port from 1 to {HIGHEST_PORT}")
    if not (spec.selector and spec.selector.match_labels):
        hint = "say which workloads: a workload's port means nothing without"
        yield problem("spec.portLevelMtls", "needs a selector", hint)
