"""One injector, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from meltemi.injector.adapters.webhook import webhook
from meltemi.runtime.http import serve_http
from meltemi.runtime.operations import Readiness, operations

if TYPE_CHECKING:
    import asyncio

    from meltemi.injector.settings import InjectorSettings


async def serve(
    settings: InjectorSettings,
    stopping: asyncio.Event,
    started: asyncio.Event | None = None,
) -> None:
    """Answer reviews until ``stopping``. There is nothing it depends on."""
    registry = CollectorRegistry()
    app = webhook(
        settings.manner,
        registry,
        needs_certificate=settings.client_ca_file is not None,
    )
    operations(app, service="injector", readiness=Readiness(), registry=registry)
    await serve_http(
        app,
        settings.http_address,
        stopping=stopping,
        started=started,
        tls=settings.tls,
    )
