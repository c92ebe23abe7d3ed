"""Envoy's, the agent's and the application's metrics as one text. No I/O.

Source:
    prometheus.io/docs/instrumenting/exposition_formats for the text format;
    prometheus.io/docs/specs/om/open_metrics_spec for OpenMetrics 1.0.

"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

OURS: Final = b"istio_"
PREFIX: Final = b"envoy_"
"""What Envoy writes before every name. Istio's build leaves it out before its own."""

OPEN: Final = "application/openmetrics-text"
PLAIN: Final = "text/plain"
OPEN_TYPE: Final = f"{OPEN}; version=1.0.0; charset=utf-8"
PLAIN_TYPE: Final = f"{PLAIN}; version=0.0.4; charset=utf-8"
END: Final = b"# EOF"

LINE: Final = re.compile(
    rb"[ \t]*(?:$|#|(?:[a-zA-Z_:][\w:]*[ \t]*)?(?:\{.*\})?[ \t]*"
    rb"[-+]?(?:[0-9.]|nan|inf))",
    re.IGNORECASE,
)
COMMENT: Final = re.compile(rb"^#(?! TYPE ).*\n|^\n", re.MULTILINE)
TYPE: Final = re.compile(rb"^# TYPE (\S+?)(_total)? (counter|untyped)$", re.MULTILINE)
WHOLE_BOUND: Final = re.compile(rb'([{,]le="\d+)"')


@dataclass(frozen=True, slots=True)
class Exposition:
    """Metrics as text, and in which of the two formats."""

    text: bytes
    is_open: bool = False

    @property
    def media_type(self) -> str:
        """What the text is called over HTTP."""
        return OPEN_TYPE if self.is_open else PLAIN_TYPE


def istio_names(text: bytes) -> bytes:
    """Return metrics in Prometheus' text format, Istio's under Istio's names."""
    return text.replace(PREFIX + OURS, OURS)


def exposition_of(content_type: str, text: bytes) -> Exposition:
    """Return what an application answered, looked through.

    A scraper throws all away when it cannot read one line, the proxy's numbers too.

    Raises:
        ValueError: If it is not metrics, saying what is wrong.

    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("", OPEN, PLAIN):
        raise ValueError(f"its content type is {content_type!r}: expected {PLAIN}")
    text.decode()
    for number, line in enumerate(text.splitlines(), start=1):
        if not LINE.match(line):
            raise ValueError(f"line {number} is no metric: {line[:80]!r}")
    return Exposition(text, kind == OPEN)


def as_open_metrics(text: bytes) -> bytes:
    """Return Prometheus' text format as OpenMetrics, every sample under its name.

    There a counter's samples end in ``_total``. What has another name is of unknown
    type, instead of renamed. Help is left out: it stands before the type that decides.
    """
    text = COMMENT.sub(b"", text)
    return WHOLE_BOUND.sub(rb'\1.0"', TYPE.sub(_typed, text))


def _typed(found: re.Match[bytes]) -> bytes:
    name, total, kind = found.groups()
    if total and kind == b"counter":
        return b"# TYPE " + name + b" counter"
    return b"# TYPE " + name + (total or b"") + b" unknown"


def merged(proxy: bytes, application: Exposition | None) -> Exposition:
    """Return both in the application's format, which cannot be changed without loss.

    ``proxy`` is in the text format. OpenMetrics ends with a mark of its own.
    """
    if application is None:
        return Exposition(proxy)
    if not application.is_open:
        return Exposition(_closed(proxy) + _closed(application.text))
    body = _closed(application.text.rpartition(END)[0] or application.text)
    return Exposition(
        as_open_metrics(_closed(proxy)) + body + END + b"\n", is_open=True
    )


def _closed(text: bytes) -> bytes:
    return text if text.endswith(b"\n") or not text else text + b"\n"
