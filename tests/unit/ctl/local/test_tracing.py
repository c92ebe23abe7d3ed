from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import typer

from meltemi.config.decode import decode
from meltemi.ctl.galley.client import Answer, Galley
from meltemi.ctl.local.seed import SeedError
from meltemi.ctl.local.tracing import (
    Collector,
    OtherTelemetryError,
    collector,
    mesh_config,
    service,
    telemetry,
    trace_to,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

TO = Collector("127.0.0.1", 4317)
TELEMETRIES = "/apis/telemetry.istio.io/v1/namespaces/istio-system/telemetries"
CONFIG = "/apis/mesh.istio.io/v1alpha1/namespaces/istio-system/meshconfigs/default"


@dataclass(frozen=True)
class Known(Galley):
    """A Galley that has some objects, by path, and keeps what is put."""

    url: str = ""
    has: dict[str, Any] = field(default_factory=dict[str, Any])
    put: dict[str, Any] = field(default_factory=dict[str, Any])
    refuses: str = "nothing"

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        del headers
        if method == "GET":
            found = self.has.get(path)
            return Answer(200 if found else 404, found)
        if self.refuses in path:
            return Answer(409, "somebody was faster")
        self.put[path] = json.loads(body or b"")
        return Answer(201, None)


def galley(*telemetries: dict[str, Any], **more: Any) -> Known:
    return Known(has={TELEMETRIES: {"items": list(telemetries)}, **more})


def known_telemetry(name: str, year: int = 2030, **spec: object) -> dict[str, Any]:
    born = f"{year}-01-01T00:00:00Z"
    return {"metadata": {"name": name, "creationTimestamp": born}, "spec": spec}


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:4317", "127.0.0.1", 4317),
        ("[::1]:4317", "::1", 4317),
        ("otel.example:1", "otel.example", 1),
    ],
)
def test_a_collector_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert collector(text) == Collector(host, port)
    assert collector(Collector(host, port)) == Collector(host, port)


@pytest.mark.parametrize(
    "text", ["", "4317", ":4317", "a:", "a:0", "a:65536", "a:x", "http://a:4317"]
)
def test_what_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"such as 127\.0\.0\.1:4317"):
        collector(text)


@pytest.mark.parametrize(
    ("host", "resolution"), [("10.0.0.1", "STATIC"), ("::1", "STATIC"), ("a.b", "DNS")]
)
def test_every_object_is_one_that_galley_takes(host: str, resolution: str) -> None:
    to = Collector(host, 4317)
    made = [service(to), mesh_config(to, None), telemetry()]
    for each in made:
        assert decode(json.dumps(each).encode(), file="up", default_namespace="x")
    assert made[0]["spec"]["resolution"] == resolution


def test_what_the_mesh_was_told_before_stays() -> None:
    tracer = {"name": "Tracing", "zipkin": {"service": "a.b", "port": 1}}
    log = {"name": "log", "envoyFileAccessLog": {"path": "/dev/null"}}
    known = {
        "apiVersion": "mesh.istio.io/v1alpha1",
        "kind": "MeshConfig",
        "metadata": {"name": "default", "resourceVersion": "7", "uid": "u"},
        "spec": {"trustDomain": "mine", "extensionProviders": [tracer, log]},
        "status": {},
    }
    made = mesh_config(TO, known)
    assert made["metadata"] == {"name": "default", "resourceVersion": "7"}
    assert made["spec"]["trustDomain"] == "mine"
    names = [each["name"] for each in made["spec"]["extensionProviders"]]
    assert names == ["log", "tracing"], "and of one name there is one"


def test_three_objects_are_written_and_again_when_they_are_there() -> None:
    there = galley(known_telemetry("tracing"))
    trace_to(there, TO)
    assert [path.rpartition("/")[2] for path in there.put] == [
        "tracing",
        "default",
        "tracing",
    ]
    assert CONFIG in there.put


def test_another_telemetry_of_the_whole_mesh_is_not_overruled() -> None:
    mine = known_telemetry("mine", tracing=[])
    narrow = known_telemetry("one", 2020, selector={"matchLabels": {"a": "b"}})
    for own in ((), (known_telemetry("tracing", 2031),)):
        there = galley(narrow, mine, *own)
        with pytest.raises(OtherTelemetryError, match="istio-system/mine speaks"):
            trace_to(there, TO)
        assert not there.put
    trace_to(galley(narrow, mine, known_telemetry("tracing", 2029)), TO)


def test_galleys_refusal_is_told() -> None:
    with pytest.raises(SeedError, match="meshconfigs/default: Galley answers 409"):
        trace_to(Known(has={TELEMETRIES: {"items": []}}, refuses="mesh"), TO)
    with pytest.raises(SeedError, match="Galley answers 404"):
        trace_to(Known(), TO)
