"""How an injector in Kubernetes is set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS: Final[Mapping[str, str]] = {
    "INJECTOR_CITADEL_BOOTSTRAP": "citadel.istio-system:15012",
    "INJECTOR_CITADEL_RENEWAL": "citadel.istio-system:15013",
    "INJECTOR_PILOTS": "pilot-0.istio-system:15011,pilot-1.istio-system:15011",
    "INJECTOR_GALLEY_URL": "https://galley.istio-system:15443",
    "INJECTOR_IMAGE": "meltemi/proxy:1",
}
"""What an injector must be told."""
