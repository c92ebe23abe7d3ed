from __future__ import annotations

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from prometheus_client import CollectorRegistry, Counter

from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.operations import Readiness, operations
from meltemi.runtime.problems import answer_mesh_errors


class OvenColdError(MeshError):
    code = "oven.cold"
    blame = Blame.PEER


def service() -> tuple[AsyncClient, Readiness, CollectorRegistry]:
    app, readiness, registry = FastAPI(), Readiness(), CollectorRegistry()
    operations(app, service="baker", readiness=readiness, registry=registry)
    answer_mesh_errors(app)

    @app.get("/bread")
    async def bread() -> None:
        raise OvenColdError("the oven answers 20 °C, expected 230 °C: wait")

    transport = ASGITransport(app=app)
    return (
        AsyncClient(transport=transport, base_url="http://baker"),
        readiness,
        registry,
    )


async def test_ready_only_while_every_check_passes() -> None:
    client, readiness, _ = service()
    why: list[str] = []
    readiness.check("oven", lambda: why[0] if why else None)
    readiness.check("flour", lambda: None)

    assert (await client.get("/readyz")).text == "ok\n"
    why.append("it is cold")
    answer = await client.get("/readyz?verbose")

    assert answer.status_code == 503
    assert answer.text == "[-]oven failed: it is cold\n[+]flour ok\nnot ready\n"
    assert (await client.get("/livez")).status_code == 200, "alive all the same"


async def test_version_and_metrics_are_served() -> None:
    client, _, registry = service()
    Counter("loaves", "baked", registry=registry).inc()

    version = (await client.get("/version")).json()

    assert version["service"] == "baker"
    assert version.keys() == {"service", "version", "python"}
    assert "loaves_total 1.0" in (await client.get("/metrics")).text


async def test_a_mesh_error_is_answered_as_problem_details() -> None:
    client, _, _ = service()

    answer = await client.get("/bread")

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "oven.cold"
    assert problem["instance"] == "/bread"
    assert "expected 230" in problem["detail"]
