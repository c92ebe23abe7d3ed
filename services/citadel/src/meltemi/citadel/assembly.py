"""One Citadel, put together around a ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from meltemi.citadel.adapters.grpc_csr import Bootstrap, Renewal, server
from meltemi.citadel.adapters.office import Office
from meltemi.citadel.adapters.own_certificate import OwnCertificate
from meltemi.citadel.adapters.recognition import Recognition
from meltemi.citadel.adapters.rest import Desk, admin_app
from meltemi.citadel.adapters.state import load_authority
from meltemi.citadel.adapters.token_book import TokenBook
from meltemi.citadel.adapters.token_key_file import load_token_key
from meltemi.kernel.clock import SystemClock
from meltemi.runtime.admin_token import AdminToken
from meltemi.runtime.grpc_server import serving
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
    authority = load_authority(settings.state_dir, trust_domain=domain, now=clock.now())
    office = Office(authority, settings.lifetimes, clock, registry)
    book = TokenBook(ledger, settings.mesh)
    own = OwnCertificate(authority, domain, clock)
    readiness = Readiness()
    readiness.check("ledger", lambda: book.trouble)
    key = load_token_key(settings.state_dir)
    admin = AdminToken(settings.admin_token_file)
    app = admin_app(Desk(office, book, admin, key, domain))
    operations(app, service="citadel", readiness=readiness, registry=registry)
    bootstrap = serving(
        server(Bootstrap(office, Recognition(book, key, domain, clock)).create),
        settings.bootstrap_address,
        credentials=own.credentials(clients_prove=False),
    )
    renewal = serving(
        server(Renewal(office, domain).create),
        settings.renewal_address,
        credentials=own.credentials(clients_prove=True),
    )
    async with bootstrap, renewal, asyncio.TaskGroup() as tasks:
        sweeping = tasks.create_task(book.sweep(clock))
        await serve_http(app, settings.http_address, stopping=stopping)
        sweeping.cancel()
