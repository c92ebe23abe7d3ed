"""Envoy's admin interface, as much of it as the agent needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import msgspec

from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.ready import CONNECTIONS, READY_STATS

if TYPE_CHECKING:
    from meltemi.runtime.settings import Address

TIMEOUT_SECONDS = 1.0
TRAFFIC = r"^istio\.(requests_total|request_duration_milliseconds|tcp_)"
"""The statistics that the mesh's graph is made of, by Envoy's names."""
LARGEST = 16 * 1024 * 1024
"""Bytes of one page: several thousand series."""


class EnvoyAwayError(MeshError):
    """Envoy's admin interface does not answer."""

    code = "agent.envoy-away"
    blame = Blame.PEER


class PageTooLargeError(EnvoyAwayError):
    """Envoy has counted more apart than anybody reads."""

    code = "agent.page-too-large"


class _Stat(msgspec.Struct, frozen=True):
    name: str = ""
    value: int | str | None = None


class _Stats(msgspec.Struct, frozen=True):
    stats: list[_Stat]


class EnvoyAdmin:
    """Calls one Envoy. Every method raises `EnvoyAwayError` when it is not there."""

    def __init__(self, address: Address) -> None:
        self._http = httpx2.AsyncClient(
            base_url=f"http://{address}", timeout=TIMEOUT_SECONDS, trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ready_stats(self) -> dict[str, int]:
        """Return the numbers that `envoy_trouble` reads."""
        names = "|".join(name.replace(".", r"\.") for name in READY_STATS)
        return await self._stats(f"^({names})$")

    async def connection_stats(self) -> dict[str, int]:
        """Return the numbers that `open_connections` reads."""
        return await self._stats(rf"^listener\..*\.{CONNECTIONS}$")

    async def metrics(self) -> bytes:
        """Return all of Envoy's metrics in Prometheus' text format."""
        return await self._call("GET", "/stats/prometheus")

    async def traffic(self) -> bytes:
        """Return the metrics of requests and connections, in the same format.

        Like the others it raises `EnvoyAwayError`; `PageTooLargeError` over 16 MiB.
        """
        query = {"filter": TRAFFIC}
        page = bytearray()
        try:
            async with self._http.stream(
                "GET", "/stats/prometheus", params=query
            ) as answer:
                answer.raise_for_status()
                async for chunk in answer.aiter_bytes():
                    page += chunk
                    if len(page) > LARGEST:
                        raise PageTooLargeError(
                            f"Envoy's metrics of traffic are over {LARGEST} bytes: "
                            f"{len(page)} were read, and none is counted"
                        )
        except httpx2.HTTPError as error:
            raise EnvoyAwayError(f"Envoy's admin: {error!r}") from error
        return bytes(page)

    async def drain(self, *, inbound_only: bool, stay: bool) -> None:
        """Ask peers to go elsewhere: close after responses, then stop listening.

        With ``stay`` it listens on until it is ended.
        """
        words = ["graceful", *(["inboundonly"] * inbound_only), *(["skip_exit"] * stay)]
        await self._call("POST", f"/drain_listeners?{'&'.join(words)}")

    async def _stats(self, pattern: str) -> dict[str, int]:
        answer = await self._call("GET", "/stats", format="json", filter=pattern)
        try:
            found = msgspec.json.decode(answer, type=_Stats)
        except msgspec.DecodeError as error:
            raise EnvoyAwayError(f"Envoy's stats are not readable: {error}") from error
        return {s.name: s.value for s in found.stats if isinstance(s.value, int)}

    async def _call(self, method: str, path: str, **query: str) -> bytes:
        try:
            answer = await self._http.request(method, path, params=query or None)
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            raise EnvoyAwayError(f"Envoy's admin {method} {path}: {error!r}") from error
        return answer.content
