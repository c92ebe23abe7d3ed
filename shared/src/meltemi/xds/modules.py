"""What Pilot and agents call the parts of an order for a Wasm module, as Istio does.

Source:
    Istio's pkg/model/wasm.go and pilot/pkg/model/extensions.go.

"""

from __future__ import annotations

from typing import Final

PULL_POLICY: Final = "ISTIO_META_WASM_IMAGE_PULL_POLICY"
"""The variable of a module's environment that says when it is fetched again."""
PULL_SECRET: Final = "ISTIO_META_WASM_IMAGE_PULL_SECRET"  # noqa: S105 - a variable's name
"""The variable that says what the registry's credentials are called."""
OBJECT_VERSION: Final = "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"
"""The variable that changes with the object, so that an image is asked for again."""
UNPINNED: Final = "nil"
"""The hash of a module whose hash is not known: Envoy's field must not be empty."""
FETCHES: Final = "MELTEMI_FETCHES_MODULES"
"""The key of a node's metadata that says that an agent stands between."""
