"""``meltemi up --tracing``: what has every proxy tell its spans to one collector.

They are objects like a user's own, and stay when the mesh comes up again.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import typer

from meltemi.ctl.galley.change import editable
from meltemi.ctl.local.seed import CREATED, SeedError, path_of
from meltemi.ctl.local.web import OK
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meltemi.ctl.galley.client import Galley

NAME: Final = "tracing"
"""Of the provider, and of the objects that are only for it."""
ROOT: Final = "istio-system"
HOST: Final = "collector.tracing"
"""What the collector is called in the mesh, wherever it is."""
PORTS: Final = range(1, 65_536)
NOT_FOUND: Final = 404
NARROWED: Final = ("selector", "targetRef", "targetRefs")


class OtherTelemetryError(MeshError):
    """The mesh has a Telemetry that speaks for all of it, and there can be one."""

    code = "local.other-telemetry"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Collector:
    """Who takes spans in OTLP over gRPC, by an address or a name."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def collector(text: str | Collector) -> Collector:
    """Return what ``HOST:PORT`` spells.

    Raises:
        typer.BadParameter: If it is anything else, such as a URL.

    """
    if isinstance(text, Collector):
        return text
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    good = port.isascii() and port.isdigit() and int(port) in PORTS
    if not good or not host or "/" in text:
        raise typer.BadParameter(
            f"{text!r} is not HOST:PORT, where a collector takes OTLP over gRPC, such "
            "as 127.0.0.1:4317"
        )
    return Collector(host, int(port))


def service(to: Collector) -> dict[str, Any]:
    """Return the ServiceEntry by which proxies reach the collector."""
    spec = {
        "hosts": [HOST],
        "location": "MESH_EXTERNAL",
        "resolution": "STATIC" if _is_address(to.host) else "DNS",
        "ports": [{"number": to.port, "name": "grpc", "protocol": "GRPC"}],
        "endpoints": [{"address": to.host}],
    }
    return _object("networking.istio.io/v1", "ServiceEntry", NAME, spec)


def mesh_config(to: Collector, known: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the mesh's settings, ``known`` as they are, with the provider in them."""
    made = (
        editable(dict(known))
        if known
        else _object("mesh.istio.io/v1alpha1", "MeshConfig", "default", {})
    )
    provider = {"name": NAME, "opentelemetry": {"service": HOST, "port": to.port}}
    others = made["spec"].get("extensionProviders", ())
    kept = [each for each in others if each["name"].casefold() != NAME]
    spec = {**made["spec"], "extensionProviders": [*kept, provider]}
    return {**made, "spec": spec}


def telemetry() -> dict[str, Any]:
    """Return the Telemetry by which every request is traced."""
    traced = {"providers": [{"name": NAME}], "randomSamplingPercentage": 100}
    spec = {"tracing": [traced]}
    return _object("telemetry.istio.io/v1", "Telemetry", NAME, spec)


def trace_to(galley: Galley, to: Collector) -> None:
    """Have every proxy tell its spans to ``to``.

    Raises:
        OtherTelemetryError: If somebody else's Telemetry says who is traced.
        SeedError: If Galley refuses an object, with Galley's words.

    """
    wanted = telemetry()
    _only(_asked(galley, path_of(wanted))["items"])
    config = path_of(mesh_config(to, None)) + "/default"
    known = galley.get(config)
    if known.status not in (OK, NOT_FOUND):
        raise SeedError(f"{config}: Galley answers {known.status}")
    settings = mesh_config(to, known.body if known.ok else None)
    for each in (service(to), settings, wanted):
        where = f"{path_of(each)}/{each['metadata']['name']}"
        answer = galley.send("PUT", where, json.dumps(each).encode())
        if answer.status not in (OK, CREATED):
            raise SeedError(
                f"{where}: Galley answers {answer.status}: {str(answer.body)[:2000]}"
            )


def _asked(galley: Galley, path: str) -> Any:  # noqa: ANN401 - JSON
    answer = galley.get(path)
    if not answer.ok:
        raise SeedError(f"{path}: Galley answers {answer.status}")
    return answer.body


def _only(known: Sequence[Mapping[str, Any]]) -> None:
    """Raise `OtherTelemetryError` where ours would not count, or does not."""
    born = {
        each["metadata"]["name"]: each["metadata"]["creationTimestamp"]
        for each in known
        if not any(each["spec"].get(name) for name in NARROWED)
    }
    oldest = min(born, key=lambda name: (born[name], name), default=NAME)
    if oldest != NAME:
        raise OtherTelemetryError(
            f"Telemetry {ROOT}/{oldest} speaks for the whole mesh, and the oldest such "
            f"counts alone: write its spec.tracing yourself, as docs/telemetry.md has "
            "it, and leave out --tracing"
        )


def _object(version: str, kind: str, name: str, spec: object) -> dict[str, Any]:
    metadata = {"name": name, "namespace": ROOT}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
