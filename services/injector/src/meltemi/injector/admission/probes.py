"""What kubelet and Prometheus ask of an application, asked through the agent.

Once traffic is captured they would have to speak mutual TLS. The agent asks the
application instead, and answers at a port that is not captured.

Source:
    Istio, pkg/kube/inject, ``rewriteAppHTTPProbe``; "Health Checking of Istio
    Services".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.injector import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.injector.admission.pod import Container, Pod

PROBES: Final = (
    ("readinessProbe", "readyz"),
    ("livenessProbe", "livez"),
    ("startupProbe", "startupz"),
)
HANDLERS: Final = ("httpGet", "tcpSocket", "grpc")
"""What the agent does for kubelet; a command still runs in its container."""
SCRAPE, PORT, PATH = (f"prometheus.io/{each}" for each in ("scrape", "port", "path"))
METRICS_PATH: Final = "/metrics"
OURS: Final = "/stats/prometheus"
PLAIN_PATH: Final = re.compile(r"/[A-Za-z0-9._~/%?=&-]{0,254}")


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe that the agent makes.

    Attributes:
        path: Where kubelet asks the agent for it.
        asked: What the agent asks, in Kubernetes' spelling.
        at: Where in the pod it stands: a JSON pointer.
        instead: What stands there from now on.

    """

    path: str
    asked: Mapping[str, object]
    at: str
    instead: Mapping[str, object]


def probes_of(pod: Pod, port: int) -> Iterator[Probe]:
    """Yield the probes of ``pod`` that the agent makes, which answers at ``port``."""
    for index, container in enumerate(pod.spec.containers):
        for key, word in PROBES:
            given = _probe(container, key)
            handler = next((each for each in HANDLERS if each in given), None)
            if handler is None:
                continue
            path = f"/app-health/{container.name}/{word}"
            kept = {name: each for name, each in given.items() if name != handler}
            yield Probe(
                path,
                _asked(container, handler, given),
                f"/spec/containers/{index}/{key}",
                {**kept, "httpGet": {"path": path, "port": port}},
            )


def _probe(container: Container, key: str) -> Mapping[str, object]:
    found = {
        "readinessProbe": container.readiness_probe,
        "livenessProbe": container.liveness_probe,
        "startupProbe": container.startup_probe,
    }
    return found[key] or {}


def _asked(
    container: Container, handler: str, probe: Mapping[str, object]
) -> dict[str, object]:
    action = probe[handler]
    asked: dict[str, object] = {handler: action}
    if isinstance(action, dict):
        asked[handler] = {**action, "port": container.port(action.get("port"))}
    if "timeoutSeconds" in probe:
        asked["timeoutSeconds"] = probe["timeoutSeconds"]
    return asked


def metrics_of(pod: Pod) -> str:
    """Return the URL of the application's metrics; empty: nobody asks for them.

    Raises:
        ValueError: If the annotations do not say one.

    """
    said = pod.annotations
    if said.get(SCRAPE, "").lower() != "true" or PORT not in said:
        return ""
    path = said.get(PATH, METRICS_PATH)
    path = path if path.startswith("/") else f"/{path}"
    if not PLAIN_PATH.fullmatch(path):
        raise ValueError(f"{PATH} is {path!r}, which is no path")
    return f"http://127.0.0.1:{reading.port(said[PORT])}{path}"
