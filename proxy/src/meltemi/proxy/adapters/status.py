"""The agent's own HTTP: what Istio's ports 15020 and 15021 tell, and obey."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response

from meltemi.proxy.adapters.local_only import obeying
from meltemi.proxy.adapters.probing import NAME
from meltemi.runtime.operations import Probe, Readiness, operations, report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from prometheus_client import CollectorRegistry
    from starlette.requests import Request

    from meltemi.config.schema.workload_group import ReadinessProbe
    from meltemi.proxy.adapters.probing import Prober
    from meltemi.proxy.adapters.scraping import Scraping

    Order = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the answers are made from.

    Attributes:
        readiness: Whether the proxy may be called.
        registered: Whether others know of the workload.
        scraping: What was counted.
        probes: What Kubernetes asks the application through us, by path.
        prober: How it is asked.
        outdated: Whether the proxy started with what is no longer said: no reason
            not to call it.

    """

    readiness: Readiness
    registered: Probe
    scraping: Scraping
    probes: Mapping[str, ReadinessProbe]
    prober: Prober
    outdated: Probe | None = None


def status_app(
    sources: Sources, registry: CollectorRegistry, orders: Mapping[str, Order]
) -> Starlette:
    """Return the application, with what every service has.

    ``/joined`` tells whether others know of the workload as well, which a proxy does
    not need to serve those who did before. ``orders`` are obeyed at their paths, given
    by POST and from this machine.
    """
    app = Starlette()
    _metrics(app, sources.scraping)
    _app_health(app, sources)
    for path, order in orders.items():
        app.add_route(path, obeying(order), methods=["POST"])
    told = {"starting": sources.outdated} if sources.outdated else {}
    readiness = sources.readiness
    operations(app, "agent", readiness, registry, told)

    async def joined(_: Request) -> Response:
        verdict = {**sources.readiness.verdict(), "registration": sources.registered()}
        status = HTTPStatus.SERVICE_UNAVAILABLE if any(verdict.values()) else 200
        return PlainTextResponse(report(verdict, verbose=False), status)

    app.add_route("/joined", joined)
    app.add_route("/healthz/ready", _ready(sources.readiness))
    return app


def ready_app(readiness: Readiness) -> Starlette:
    """Return the application that tells whether the proxy may be called, no more."""
    app = Starlette()
    app.add_route("/healthz/ready", _ready(readiness))
    return app


def _ready(readiness: Readiness) -> Callable[[Request], Awaitable[Response]]:
    async def ready(_: Request) -> Response:
        verdict = readiness.verdict()
        status = HTTPStatus.SERVICE_UNAVAILABLE if any(verdict.values()) else 200
        return PlainTextResponse(report(verdict, verbose=False), status)

    return ready


def _metrics(app: Starlette, scraping: Scraping) -> None:
    """Add the metrics of all parts, before what an agent's own would be found by."""

    async def counted(request: Request) -> Response:
        found = await scraping.answer(request.headers)
        return Response(found.text, headers={"content-type": found.media_type})

    for path in ("/stats/prometheus", "/metrics"):
        app.add_route(path, counted)


def _app_health(app: Starlette, sources: Sources) -> None:
    async def asked(request: Request) -> Response:
        agent = request.headers.get("user-agent", NAME)
        answer = await sources.prober.ask(sources.probes[request.url.path], agent)
        return Response(answer.text, answer.status, media_type="text/plain")

    for path in sources.probes:
        app.add_route(path, asked)
