"""Who may have a stream: the node fits the certificate, and that is not denied."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError
from meltemi.pilot.adapters.ads_codec import proxy_of
from meltemi.pilot.scope.caller import check_caller, check_domain

if TYPE_CHECKING:
    from envoy.config.core.v3.base_pb2 import Node

    from meltemi.config.trust_domains import MeshDomains
    from meltemi.credentials.mutual import Peer
    from meltemi.identity.denials import Denials
    from meltemi.pilot.scope.proxy import Proxy


class DeniedError(MeshError):
    """A proxy, or its certificate, is on Citadel's deny list."""

    code = "xds.denied"
    blame = Blame.CALLER


class Door:
    """Lets proxies in. Nobody proves anything on the port for plain text."""

    def __init__(self, denials: Denials, domains: MeshDomains) -> None:
        self._denials, self._domains = denials, domains

    def proxy(self, node: Node, peer: Peer | None) -> Proxy:
        """Return who the node describes, which ``peer`` must be where it is known.

        Raises:
            InvalidNodeError: If the node does not say who it is properly.
            ForbiddenNodeError: If it is not the peer's.
            DeniedError: If the peer is denied.

        """
        proxy = proxy_of(node)
        if peer is not None:
            check_caller(proxy, peer.identity, self._domains.now)
            self._check_denials(peer)
        return proxy

    def check(self, peer: Peer | None) -> None:
        """Make sure that ``peer``, where it is known, is one of the mesh's.

        Raises:
            ForbiddenNodeError: If it is of a trust domain that is not ours.
            DeniedError: If it is denied.

        """
        if peer is not None:
            check_domain(peer.identity, self._domains.now)
            self._check_denials(peer)

    def _check_denials(self, peer: Peer) -> None:
        why = self._denials.reason(peer.identity, peer.serial)
        if why is not None:
            raise DeniedError(why)

    async def until_denied(self, peer: Peer | None) -> DeniedError:
        """Wait until ``peer`` is denied, which may be never."""
        if peer is None:
            await asyncio.Event().wait()
            raise AssertionError  # nobody sets that event
        return DeniedError(await self._denials.until_denied(peer.identity, peer.serial))
