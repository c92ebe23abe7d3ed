"""User's regular expressions, read by the engine that Envoy uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import re2

from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding

LONGEST: Final = 1024
"""Istio's limit for the regex of a StringMatch, in bytes."""
HINT: Final = "RE2 knows neither look-around nor back-references"
OPTIONS: Final = re2.Options()
OPTIONS.log_errors = False
OPTIONS.max_mem = 1024 * 1024


def check_regex(path: str, pattern: str) -> Iterator[Finding]:
    """Yield a finding unless RE2 accepts ``pattern``."""
    if not pattern:
        yield problem(path, "a regex is required")
        return
    if len(pattern.encode()) > LONGEST:
        yield problem(path, f"the regex is longer than {LONGEST} bytes")
        return
    try:
        re2.compile(pattern, options=OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        yield problem(path, f"RE2 refuses {pattern!r}: {text}", HINT)
