"""Which requests are traced, and what their spans say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TagSource(StrEnum):
    """Where a tag's value is taken from."""

    LITERAL = "literal"
    ENVIRONMENT = "environment"
    HEADER = "header"
    DRY_RUN = "dry-run"
    """The RBAC filter's shadow verdict under the key ``value``."""
    FORMATTER = "formatter"


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of every span; ``default`` is for what is not there."""

    name: str
    source: TagSource
    value: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class TraceProvider:
    """Who is told of spans.

    Attributes:
        kind: zipkin, opentelemetry, datadog or skywalking.
        cluster: Where it is.
        host: The authority it is called by.
        options: What else the kind needs, by Istio's name.

    """

    kind: str
    cluster: str
    host: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Tracing:
    """Sampling in percent, and what spans carry."""

    client: float = 100.0
    random: float = 1.0
    overall: float = 100.0
    tags: tuple[Tag, ...] = ()
    provider: TraceProvider | None = None
    max_path_length: int | None = None
    child_span: bool = False
    use_request_id: bool = True
    """Whether the request id says if a request is sampled."""
    verbose: bool = False
