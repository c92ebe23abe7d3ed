"""What an operator asks of any service: health, version, numbers."""

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version

from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

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
    app: FastAPI, *, service: str, readiness: Readiness, registry: CollectorRegistry
) -> None:
    """Add ``/livez``, ``/readyz``, ``/metrics`` and ``/version`` to ``app``."""

    @app.get("/livez", include_in_schema=False)
    async def livez() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz", include_in_schema=False)
    async def readyz(verbose: str | None = None) -> Response:
        verdict = readiness.verdict()
        ready = not any(verdict.values())
        text = report(verdict, verbose=verbose is not None)
        return Response(text, 200 if ready else 503, media_type="text/plain")

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/version", include_in_schema=False)
    async def answer_version() -> dict[str, str]:
        return {
            "service": service,
            "version": version("meltemi-shared"),
            "python": platform.python_version(),
        }


def report(verdict: Mapping[str, str | None], *, verbose: bool) -> str:
    """Return the verdict as Kubernetes' components print theirs."""
    lines = [
        f"[-]{name} failed: {why}" if why else f"[+]{name} ok"
        for name, why in verdict.items()
        if why or verbose
    ]
    ready = not any(verdict.values())
    return "\n".join([*lines, "ok" if ready else "not ready", ""])
