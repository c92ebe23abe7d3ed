"""Numbers and words that options of the capture may be. No I/O."""

from __future__ import annotations

from typing import Final

ALL: Final = "*"
"""Every port, every address, every group."""

AGENT_PORTS: Final = (15020, 15021, 15090)
"""Statistics, readiness and Envoy's own metrics: asked for in plain text."""

PROXY_ID: Final = 1337
"""User and group that Envoy and agent run as: Istio's."""

GROUPS_LIMIT: Final = 64
PORT_LIMIT: Final = 65535
ID_LIMIT: Final = 2**32 - 2
"""Of users and groups: the number above means nobody in particular (chown(2))."""
MARK_LIMIT: Final = 2**32 - 1
INTERFACE_LIMIT: Final = 15
"""Characters of an interface's name (Linux: IFNAMSIZ less the zero)."""
