"""What must hold for a ProxyConfig."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.labels import check_policy_selector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.proxy_config import ProxyConfig


def check_proxy_config(spec: ProxyConfig) -> Iterator[Finding]:
    """Yield what Istio's ValidateProxyConfig says, but the schema does not."""
    yield from check_policy_selector("spec.selector", spec.selector)
