"""The webhook's HTTP: one route that answers reviews."""

import asyncio
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, Counter
from starlette.requests import ClientDisconnect

from meltemi.injector.admission.mutation import Manner, answered
from meltemi.injector.admission.review import review_of
from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.problems import answer_mesh_errors

BODY_LIMIT: Final = 3 * 1024 * 1024
"""Bytes of a review: as many as the API server takes of its clients."""
BODY_SECONDS: Final = 10.0
"""What a body may take to arrive: longer than an API server waits for the answer."""
CHAIN: Final = "client_cert_chain"

log = structlog.get_logger("meltemi.injector.audit")


class StrangerError(MeshError):
    """Who asks shows no certificate that is believed."""

    code = "injector.stranger"
    blame = Blame.CALLER


class TooLargeError(MeshError):
    """The review is longer than any that an API server sends."""

    code = "injector.too-large"
    blame = Blame.CALLER


class TooSlowError(MeshError):
    """The review does not arrive."""

    code = "injector.too-slow"
    blame = Blame.CALLER


def webhook(
    manner: Manner, registry: CollectorRegistry, *, needs_certificate: bool
) -> FastAPI:
    """Return the application that answers reviews in ``manner``."""
    app = FastAPI(title="Meltemi Injector", openapi_url=None)
    answer_mesh_errors(app)
    reviews = Counter(
        "injector_reviews",
        "Reviews answered, by what became of the pod: injected, left-alone, refused.",
        ["outcome"],
        registry=registry,
    )

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.post("/inject")
    async def inject(request: Request) -> Response:
        if needs_certificate and not _shown(request):
            raise StrangerError(
                "no certificate was shown: the API server's kubeconfig for admission "
                "names one (AdmissionConfiguration)"
            )
        review = review_of(await _body(request))
        made = answered(review, manner)
        reviews.labels(made.outcome).inc()
        log.info(
            "reviewed",
            uid=review.uid,
            namespace=review.namespace,
            pod=review.pod.called if review.pod else "",
            user=review.user,
            outcome=made.outcome,
            because=made.because,
            dry_run=review.dry_run,
        )
        return JSONResponse(made.body)

    return app


def _shown(request: Request) -> bool:
    extensions: dict[str, Any] = request.scope.get("extensions") or {}
    return bool(extensions.get("tls", {}).get(CHAIN))


async def _body(request: Request) -> bytes:
    """Return the body; raise before more than the limit is kept."""
    kept = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                kept += chunk
                if len(kept) > BODY_LIMIT:
                    raise TooLargeError(f"a review has at most {BODY_LIMIT:,} bytes")
    except (TimeoutError, ClientDisconnect):
        raise TooSlowError(f"no whole review within {BODY_SECONDS:g} s") from None
    return bytes(kept)
