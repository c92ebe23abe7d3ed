"""The application's own metrics, fetched so that they cannot harm the proxy's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx2

from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.exposition import Exposition, exposition_of

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_SECONDS: Final = 5.0
SHARE: Final = 0.8
"""Of the time a scraper waits: the rest is for reading what we answer."""
PATIENCE: Final = "x-prometheus-scrape-timeout-seconds"
LARGEST: Final = 8 * 1024 * 1024
PASSED_ON: Final = ("accept", "user-agent", PATIENCE)


class AppMetricsError(MeshError):
    """The application's metrics could not be had."""

    code = "agent.app-metrics"
    blame = Blame.PEER


class AppMetrics:
    """Asks an application at one URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx2.AsyncClient(trust_env=False, timeout=LONGEST_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def scrape(self, headers: Mapping[str, str]) -> Exposition:
        """Return the application's metrics, in what format it chose.

        ``headers`` are the scraper's: by them the application chooses.

        Raises:
            AppMetricsError: If it does not answer in time, answers something else, or
                more than 8 MiB.

        """
        asked = {name: headers[name] for name in PASSED_ON if name in headers}
        asked["accept-encoding"] = "identity"
        seconds = patience(headers.get(PATIENCE, ""))
        try:
            async with asyncio.timeout(seconds):
                content_type, text = await self._fetched(asked)
            return await asyncio.to_thread(exposition_of, content_type, text)
        except TimeoutError:
            raise AppMetricsError(f"{self._url}: not within {seconds} s") from None
        except (httpx2.HTTPError, ValueError) as error:
            raise AppMetricsError(f"{self._url}: {error!r}") from error

    async def _fetched(self, headers: Mapping[str, str]) -> tuple[str, bytes]:
        async with self._http.stream("GET", self._url, headers=headers) as answer:
            answer.raise_for_status()
            text = bytearray()
            async for chunk in answer.aiter_raw():
                text += chunk
                if len(text) > LARGEST:
                    raise AppMetricsError(f"{self._url}: more than {LARGEST} bytes")
            return answer.headers.get("content-type", ""), bytes(text)


def patience(told: str) -> float:
    """Return for how many seconds an application is waited for.

    Source:
        prometheus.io/docs/prometheus/latest/configuration: what a scraper tells in
        X-Prometheus-Scrape-Timeout-Seconds.

    """
    try:
        seconds = float(told)
    except ValueError:
        return LONGEST_SECONDS
    return min(LONGEST_SECONDS, seconds * SHARE) if seconds > 0 else LONGEST_SECONDS
