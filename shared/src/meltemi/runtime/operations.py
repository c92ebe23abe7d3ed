"""What an operator asks of any service: health, version, numbers."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

Probe = Callable[[], str | None]
"""Returns None when all is well, else why not. Must not block."""


class Readiness:
    """Named checks that are asked, not told: none of them can go stale."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}

    def check(self, name: str, probe: Probe) -> None:
        """Ask ``probe`` whenever someone wants to know whether we are ready."""
        self._probes[name] = probe

    def verdict(self) -> Mapping[str, str | None]:
        """Return every check with None, or with why it does not pass."""
        return {name: probe() for name, probe in self._probes.items()}


def operations(
    app: Starlette,
    service: str,
    readiness: Readiness,
    registry: CollectorRegistry,
    told: Mapping[str, Probe] = MappingProxyType({}),
) -> None:
    """Add ``/livez``, ``/readyz``, ``/metrics`` and ``/version`` to ``app``.

    Any Starlette application will do, FastAPI's too: the agent beside every workload
    has nothing else to serve and does without the larger import. ``/readyz?verbose``
    tells what ``told`` finds as well, which is no reason not to be ready.
    """

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        verdict = readiness.verdict()
        verbose = "verbose" in request.query_params
        found = {name: probe() for name, probe in told.items()} if verbose else {}
        notes = [f"[!]{name}: {each}\n" for name, each in found.items() if each]
        text = "".join([*notes, report(verdict, verbose=verbose)])
        return PlainTextResponse(text, 503 if any(verdict.values()) else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def answer_version(_: Request) -> Response:
        return JSONResponse(
            {
                "service": service,
                "version": version("meltemi-shared"),
                "python": platform.python_version(),
            }
        )

    for path, handler in (
        ("/livez", livez),
        ("/readyz", readyz),
        ("/metrics", metrics),
        ("/version", answer_version),
    ):
        app.add_route(path, handler, include_in_schema=False)


def report(verdict: Mapping[str, str | None], *, verbose: bool) -> str:
    """Return the verdict as Kubernetes' components print theirs."""
    lines = [
        f"[-]{name} failed: {why}" if why else f"[+]{name} ok"
        for name, why in verdict.items()
        if why or verbose
    ]
    ready = not any(verdict.values())
    return "\n".join([*lines, "ok" if ready else "not ready", ""])
