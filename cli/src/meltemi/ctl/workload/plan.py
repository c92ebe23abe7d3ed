"""How a workload's agent is set up, and what its application is told. Pure.

::

    wish ───────┐
    holder ─────┤
    invitation ─┼──▶ agent_environ(), application_environ()
    place ──────┘
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.ctl.workload.machine import MARK
from meltemi.runtime.settings import Address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from meltemi.config.schema.workload_group import ReadinessProbe
    from meltemi.credentials.invitation import Invitation
    from meltemi.ctl.workload.holder import Holder
    from meltemi.ctl.workload.wish import Wish

LOOPBACK: Final = "127.0.0.1"
PORTS: Final = ("admin", "status", "inbound")
"""What each workload's proxy listens on, beside its upstreams."""
SECRET: Final = "MELTEMI_TOKEN"  # noqa: S105 - the name of a variable
"""What the application is not told."""
CAPTURED: Final = {
    "INTERCEPTION_MODE": "REDIRECT",
    "PROXY_MARK": str(MARK),
    "DNS_ADDRESSES": f"{LOOPBACK}:15053",
}
"""An agent whose application knows nothing of it."""
DEPARTURE: Final = {
    "EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true",
    "MINIMUM_DRAIN_SECONDS": "0",
}
"""The application has ended by then: only answers under way are waited for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a workload's files and ports are.

    Attributes:
        folder: Open to its owner alone.
        ports: A number for each of `PORTS`.
        galley: The URL of Galley.
        ca: Roots to believe it by, a file; empty: the machine's own.

    """

    folder: Path
    ports: Mapping[str, int]
    galley: str
    ca: str = ""

    @property
    def token(self) -> Path:
        """The workload token."""
        return self.folder / "token"

    @property
    def roots(self) -> Path:
        """Whom to believe at Citadel's door."""
        return self.folder / "roots.pem"

    @property
    def run(self) -> Path:
        """The agent's folder: its sockets, the credential, the checkpoint."""
        return self.folder / "run"

    @property
    def log(self) -> Path:
        """What agent and Envoy have to say."""
        return self.folder / "agent.log"

    @property
    def status(self) -> str:
        """Where the agent is asked how it is."""
        return f"http://{LOOPBACK}:{self.ports['status']}"


def inbound(wish: Wish, place: Place) -> Address:
    """Return where other proxies reach the workload."""
    port = wish.port.number if wish.captured else place.ports["inbound"]
    return Address(wish.address, port)


def agent_environ(
    wish: Wish, holder: Holder, invitation: Invitation, place: Place
) -> dict[str, str]:
    """Return the agent's settings."""
    labels = {"app": wish.service, **wish.labels}
    given = {
        "GROUP": wish.group,
        "NODE": wish.node,
        "GALLEY_CA_FILE": place.ca,
        "HEALTH_PROBE": spelled(wish.health),
    }
    settings = {
        "NAME": wish.name,
        "NAMESPACE": holder.namespace,
        "SERVICE_ACCOUNT": holder.account,
        "LABELS": json.dumps(labels),
        "TRUST_DOMAIN": invitation.trust_domain,
        "CITADEL_BOOTSTRAP": invitation.citadel_bootstrap,
        "CITADEL_RENEWAL": invitation.citadel_renewal,
        "ROOT_CERT_FILE": str(place.roots),
        "TOKEN_FILE": str(place.token),
        "PILOTS": ",".join(invitation.pilots),
        "GALLEY_URL": place.galley,
        "RUN_DIR": str(place.run),
        "ADMIN_ADDRESS": f"{LOOPBACK}:{place.ports['admin']}",
        "STATUS_ADDRESS": f"{LOOPBACK}:{place.ports['status']}",
        "INSTANCE_IP": wish.address,
        "ENTRY_PORTS": json.dumps({wish.port.name: inbound(wish, place).port}),
        **DEPARTURE,
        **(CAPTURED if wish.captured else _explicit(wish, holder, invitation, place)),
        **{name: text for name, text in given.items() if text},
    }
    return {f"AGENT_{name}": text for name, text in settings.items()}


def _explicit(
    wish: Wish, holder: Holder, invitation: Invitation, place: Place
) -> dict[str, str]:
    """Return where Envoy listens for an application that is told so."""
    explicit = {
        "inbound": str(inbound(wish, place)),
        "apps": {str(wish.port.number): str(wish.application)},
        "outbound": {
            each.named(holder.namespace, invitation.trust_domain): str(each.local)
            for each in wish.upstreams
        },
    }
    return {"EXPLICIT": json.dumps(explicit)}


def spelled(probe: ReadinessProbe | None) -> str:
    """Return a probe as JSON; empty for none."""
    return msgspec.json.encode(probe).decode() if probe else ""


def application_environ(
    wish: Wish, place: Place, own: Mapping[str, str]
) -> dict[str, str]:
    """Return what the application gets: its owner's, and where its upstreams are.

    The token is not for it. ``PORT`` says where to listen, unless the owner did.
    """
    kept = {name: text for name, text in own.items() if name != SECRET}
    found = {"PORT": str(wish.application.port), **kept}
    found["SPIFFE_ENDPOINT_SOCKET"] = f"unix://{place.run.absolute()}/sds.sock"
    for each in wish.upstreams:
        found |= each.variables
    return found
