"""Traffic as a Prometheus has it, which scraped the agents.

Source: prometheus.io/docs/prometheus/latest/querying/api, instant queries.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import msgspec

from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.stats.lines import BUCKET, FAILED, PLACES, REQUESTS, placed
from meltemi.stats.counts import WIDTH
from meltemi.stats.report import Counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.stats.edge import Edge

SECONDS: Final = 30.0
ENDS: Final = ("workload", "workload_namespace", "principal")
LABELS: Final = (
    "reporter",
    *(f"{side}_{name}" for side in ("source", "destination") for name in ENDS),
    "destination_service",
    "request_protocol",
    "connection_security_policy",
)
ALSO: Final = {
    REQUESTS: ("response_code", "grpc_response_status"),
    BUCKET: ("le",),
}


class PrometheusError(MeshError):
    """Prometheus did not answer a question as it should."""

    code = "stats.prometheus"
    blame = Blame.PEER


class _Sample(msgspec.Struct, frozen=True):
    metric: dict[str, str]
    value: tuple[float, str]


class _Data(msgspec.Struct, frozen=True):
    result: tuple[_Sample, ...]


class _Answer(msgspec.Struct, frozen=True):
    data: _Data


def counted(url: str, seconds: float) -> tuple[Counted, ...]:
    """Return what was counted in the last ``seconds``, by the Prometheus at ``url``.

    Raises:
        PrometheusError: If it cannot be had.

    """
    found: dict[Edge, list[float]] = {}
    for name in (*PLACES, BUCKET):
        for labels, value in _asked(url, query(name, seconds)):
            place = placed(name, labels)
            if place is None:
                continue
            counts = found.setdefault(place.edge, [0.0] * WIDTH)
            counts[place.column] += value
            if place.failed:
                counts[FAILED] += value
    return tuple(Counted(edge, tuple(counts)) for edge, counts in found.items())


def query(name: str, seconds: float) -> str:
    """Return the question for one metric."""
    labels = ",".join((*LABELS, *ALSO.get(name, ())))
    return f"sum by ({labels}) (increase({name}[{round(seconds)}s]))"


def _asked(url: str, asked: str) -> Iterator[tuple[Mapping[str, str], float]]:
    path = f"/api/v1/query?query={quote(asked)}"
    try:
        answer = msgspec.json.decode(_fetched(url, path), type=_Answer)
    except (msgspec.MsgspecError, json.JSONDecodeError) as error:
        raise PrometheusError(f"{url}{path}: {error}") from None
    yield from _samples(answer.data.result)


def _samples(
    samples: Iterable[_Sample],
) -> Iterator[tuple[Mapping[str, str], float]]:
    for each in samples:
        labels = each.metric
        if "le" in labels:  # "5" to Envoy is "5.0" to some versions of Prometheus
            bound = labels["le"]
            plain = bound if bound == "+Inf" else f"{float(bound):g}"
            labels = {**labels, "le": plain}
        yield labels, float(each.value[1])


def _fetched(url: str, path: str) -> bytes:
    parts = urlsplit(url)
    made = (
        http.client.HTTPSConnection(
            parts.netloc, timeout=SECONDS, context=ssl.create_default_context()
        )
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc, timeout=SECONDS)
    )
    try:
        made.request("GET", parts.path.rstrip("/") + path)
        answer = made.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise PrometheusError(f"PROMETHEUS_URL {url}: {error}") from None
    finally:
        made.close()
    if answer.status != http.client.OK:
        told = body[:200].decode(errors="replace")
        raise PrometheusError(f"PROMETHEUS_URL {url}: status {answer.status}: {told}")
    return body
