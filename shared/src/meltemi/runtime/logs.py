"""Logs: one line per state change, for people on a terminal and machines elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger


def configure_logs(service: str, instance: str, *, json: bool) -> None:
    """Send structlog and the libraries' warnings to standard error.

    Every line carries ``service`` and ``instance``. With ``json`` a line is one JSON
    object, otherwise key=value.
    """

    def name_source(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {"service": service, "instance": instance, **event}

    prepare: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        name_source,
    ]
    render: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        *_renderers(json=json),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=prepare, processors=render
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(service).setLevel(logging.INFO)
    structlog.configure(
        processors=[*prepare, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: logging.getLogger(service),
        cache_logger_on_first_use=False,
    )


def _renderers(*, json: bool) -> list[Processor]:
    if json:
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(
            key_order=["time", "level", "event", "service", "instance"]
        ),
    ]
