"""One Citadel, put together around a ledger."""

from __future__ import annotations

import asyncio
from random import SystemRandom
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from meltemi.citadel.adapters.bundle_file import BundleFile
from meltemi.citadel.adapters.doors import Doors
from meltemi.citadel.adapters.grpc_csr import Bootstrap, Renewal, server
from meltemi.citadel.adapters.office import Office
from meltemi.citadel.adapters.own_certificate import OwnCertificate
from meltemi.citadel.adapters.recognition import Recognition
from meltemi.citadel.adapters.rest import Desk, admin_app
from meltemi.citadel.adapters.token_book import TokenBook
from meltemi.citadel.adapters.token_key_file import load_token_key
from meltemi.citadel.signers.chosen import chosen_signer
from meltemi.kernel.clock import SystemClock
from meltemi.runtime.admin_token import AdminToken
from meltemi.runtime.http import serve_http
from meltemi.runtime.operations import Readiness, operations

if TYPE_CHECKING:
    from meltemi.citadel.settings import CitadelSettings
    from meltemi.store.ports import LedgerWriter


async def serve(
    settings: CitadelSettings, ledger: LedgerWriter, stopping: asyncio.Event
) -> None:
    """Run one Citadel on ``ledger`` until ``stopping``."""
    clock, registry, domain = SystemClock(), CollectorRegistry(), settings.trust_domain
    signer = chosen_signer(settings, ledger, clock, registry, SystemRandom())
    office = Office(signer, settings.lifetimes, clock, registry)
    book = TokenBook(ledger, settings.mesh)
    own = OwnCertificate(signer, domain, clock)
    bundle = BundleFile(settings.state_dir, signer)
    readiness = Readiness()
    readiness.check("ledger", lambda: book.trouble)
    readiness.check("signer", lambda: signer.trouble)
    readiness.check("certificate", lambda: own.trouble)
    readiness.check("bundle", lambda: bundle.trouble)
    readiness.check("doors", lambda: doors.trouble)
    key = load_token_key(settings.state_dir)
    admin = AdminToken(settings.admin_token_file)
    app = admin_app(Desk(office, book, admin, key, domain))
    operations(app, service="citadel", readiness=readiness, registry=registry)
    doors = Doors(
        server(Bootstrap(office, Recognition(book, key, domain, clock)).create),
        server(Renewal(office, domain).create),
    )
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(work)
            for work in (
                signer.tend(),
                bundle.tend(),
                own.tend(),
                book.sweep(clock),
                doors.serve(settings, own),
            )
        ]
        await serve_http(app, settings.http_address, stopping=stopping)
        for task in running:
            task.cancel()
