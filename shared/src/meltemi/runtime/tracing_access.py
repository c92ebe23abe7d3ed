"""Where a service tells what it does about each change, as its settings say."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from meltemi.runtime.settings import ServiceSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.kernel.clock import Clock
    from meltemi.runtime.tracing import Tracing


class TracingAccess(ServiceSettings):
    """What every service that traces changes is told about it."""

    tracing_url: str = ""
    """``http://HOST:4318`` of an OpenTelemetry collector, which takes OTLP as JSON over
    HTTP; empty: nothing is traced, and it costs nothing."""

    tracing_share: float = Field(default=1.0, ge=0, le=1)
    """Of all changes, how many are traced; the same ones everywhere where it is the
    same."""

    @model_validator(mode="after")
    def _collector_has_a_url(self) -> Self:
        found = urlsplit(self.tracing_url)
        if self.tracing_url and not (
            found.scheme in ("http", "https") and found.hostname
        ):
            raise ValueError(
                f"tracing_url: expected http://HOST:PORT, found {self.tracing_url!r}"
            )
        return self

    @contextlib.asynccontextmanager
    async def tracing(
        self, service: str, instance: str, clock: Clock
    ) -> AsyncIterator[Tracing | None]:
        """Have the collector hear of ``service``; None where there is none."""
        if not self.tracing_url:
            yield None
            return
        from meltemi.runtime.tracing import (  # noqa: PLC0415 - who traces nothing loads nothing
            Tracing,
            told,
        )

        share = self.tracing_share
        made = Tracing(self.tracing_url, service, instance, clock, share)
        async with told(made) as tracing:
            yield tracing
