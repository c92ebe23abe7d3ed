"""One Citadel, put together around a ledger."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from meltemi.citadel.adapters.administrators import Administrators
from meltemi.citadel.adapters.announcer import Announcer
from meltemi.citadel.adapters.bundle_file import BundleFile
from meltemi.citadel.adapters.certificate_book import (
    CertificateBook,
    certificates_prefix,
)
from meltemi.citadel.adapters.chronicle import Chronicle
from meltemi.citadel.adapters.desk import Desk
from meltemi.citadel.adapters.doors import Doors
from meltemi.citadel.adapters.grpc_csr import Bootstrap, Renewal, server
from meltemi.citadel.adapters.issuer_keys import IssuerKeys
from meltemi.citadel.adapters.journal import Journal
from meltemi.citadel.adapters.key_keeping import (
    KeyKeeping,
    svid_keys_place,
    token_keys_place,
)
from meltemi.citadel.adapters.office import Office
from meltemi.citadel.adapters.own_certificate import OwnCertificate
from meltemi.citadel.adapters.reception import Reception, Rules
from meltemi.citadel.adapters.recognition import IssuedTokens, OwnTokens, Recognition
from meltemi.citadel.adapters.rest import admin_app
from meltemi.citadel.adapters.rule_book import RuleBook
from meltemi.citadel.adapters.scribe import Scribe, Terms
from meltemi.citadel.adapters.state import Store
from meltemi.citadel.adapters.token_book import TokenBook
from meltemi.citadel.adapters.trust_publisher import TrustPublisher
from meltemi.citadel.entries import Entries, entries_prefix
from meltemi.citadel.issuers import InvalidIssuersError, Issuer, parse_issuers
from meltemi.citadel.key_index import KeyIndex
from meltemi.citadel.signers.chosen import chosen_signer
from meltemi.citadel.signers.rotating import RotatingSigner
from meltemi.config.trust_domains import MeshDomains, mesh_config_place
from meltemi.identity import svid_wire, wire
from meltemi.identity.denials import Denials, denied_prefix
from meltemi.kernel.clock import SystemClock
from meltemi.runtime.guarded_fetch import Guard
from meltemi.runtime.http import serve_http
from meltemi.runtime.operations import Readiness, operations
from meltemi.store.following import follow, look
from meltemi.store.ports import LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from meltemi.bus.ports import Publisher
    from meltemi.citadel.key_ring import Pace
    from meltemi.citadel.settings import CitadelSettings
    from meltemi.citadel.signer import Signer
    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import LedgerWriter


async def serve(
    settings: CitadelSettings,
    ledger: LedgerWriter,
    stopping: asyncio.Event,
    bus: Publisher | None = None,
) -> None:
    """Run one Citadel on ``ledger`` until ``stopping``; events go to ``bus``."""
    citadel = Citadel(settings, ledger, bus)
    await citadel.learn()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(work) for work in citadel.tasks()]
        app = admin_app(citadel.desk)
        operations(
            app,
            service="citadel",
            readiness=citadel.readiness(),
            registry=citadel.registry,
        )
        await serve_http(
            app, settings.http_address, stopping=stopping, tls=settings.tls
        )
        for task in running:
            task.cancel()


@dataclass(frozen=True)  # no slots: the cached properties need a dictionary
class Citadel:
    """The parts of one Citadel, each made once and where it is first asked for."""

    settings: CitadelSettings
    ledger: LedgerWriter
    bus: Publisher | None = None

    @cached_property
    def clock(self) -> Clock:
        """What time it is."""
        return SystemClock()

    @cached_property
    def domains(self) -> MeshDomains:
        """What the mesh is called."""
        return MeshDomains(self.settings.trust_domain)

    async def learn(self) -> None:
        """Hear what else the mesh is called, before its keys are opened.

        Without the ledger nothing is heard; then there is no other name yet.
        """
        with contextlib.suppress(LedgerUnavailableError):
            await look(self.ledger, self._mesh_config, self.domains)

    @property
    def _mesh_config(self) -> str:
        return mesh_config_place(self.settings.mesh, self.settings.root_namespace)

    @cached_property
    def registry(self) -> CollectorRegistry:
        """Where everybody counts."""
        return CollectorRegistry()

    @cached_property
    def signer(self) -> Signer:
        """Who signs."""
        return chosen_signer(
            self.settings, self.domains, self.ledger, self.clock, self.registry
        )

    @cached_property
    def keys(self) -> KeyIndex:
        """Which key speaks for whom."""
        return KeyIndex()

    @cached_property
    def office(self) -> Office:
        """Who makes certificates."""
        lifetimes = self.settings.lifetimes
        return Office(self.signer, lifetimes, self.clock, self.registry, self.keys)

    @cached_property
    def certificates(self) -> CertificateBook:
        """The certificates that are out."""
        book = CertificateBook(self.ledger, self.settings.mesh, self.keys, self.clock)
        book.register(self.registry)
        return book

    @cached_property
    def journal(self) -> Journal:
        """The audit."""
        return Journal(self.settings.audit_file)

    @cached_property
    def announcer(self) -> Announcer:
        """Who tells the bus."""
        return Announcer(self.bus, self.settings.mesh)

    @cached_property
    def chronicle(self) -> Chronicle:
        """Who tells the three above."""
        return Chronicle(
            self.journal, self.certificates, self.announcer, self.clock, self.registry
        )

    @cached_property
    def book(self) -> TokenBook:
        """The tokens that are out."""
        return TokenBook(self.ledger, self.settings.mesh)

    @cached_property
    def token_keys(self) -> KeyKeeping:
        """What signs workload tokens."""
        settings = self.settings
        place = token_keys_place(settings.mesh)
        return self._keys(place, settings.token_pace)

    @cached_property
    def svid_keys(self) -> KeyKeeping:
        """What signs JWT-SVIDs."""
        settings = self.settings
        place = svid_keys_place(settings.mesh)
        return self._keys(place, settings.svid_pace)

    def _keys(self, place: str, pace: Pace) -> KeyKeeping:
        store = Store(self.settings.state_dir, self.settings.key_file)
        return KeyKeeping(self.ledger, place, store, pace, self.clock)

    @cached_property
    def rules(self) -> Rules:
        """Who is shut out."""
        domain, registration = self.settings.trust_domain, self.settings.registration
        return Rules(Denials(), Entries(domain, registration))

    @cached_property
    def issuers(self) -> tuple[Issuer, ...]:
        """Whose tokens are believed, beside our own."""
        return read_issuers(self.settings)

    @cached_property
    def desk(self) -> Desk:
        """What administrators reach."""
        settings = self.settings
        return Desk(
            office=self.office,
            book=self.book,
            rules=self.rule_book,
            administrators=Administrators(
                settings.admin_token_file, settings.access_file
            ),
            token_keys=self.token_keys,
            svid_keys=self.svid_keys,
            certificates=self.certificates,
            chronicle=self.chronicle,
            issuers=self.issuers,
            signer=self.signer,
            domains=self.domains,
        )

    @cached_property
    def rule_book(self) -> RuleBook:
        """Denials and entries, to be written."""
        domain = self.settings.trust_domain
        return RuleBook(self.ledger, self.settings.mesh, domain)

    @cached_property
    def own(self) -> OwnCertificate:
        """What Citadel serves with."""
        return OwnCertificate(self.signer, self.settings.trust_domain, self.clock)

    @cached_property
    def bundle(self) -> BundleFile:
        """The trust bundle on disk."""
        return BundleFile(self.settings.state_dir, self.signer)

    @cached_property
    def doors(self) -> Doors:
        """The two ports for callers."""
        domains, limits = self.domains, self.settings.limits
        own = OwnTokens(self.book, self.token_keys, domains, self.clock)
        issued = IssuedTokens(
            self.issuers,
            IssuerKeys(jwks_guard(self.settings), self.clock),
            self.rules.entries,
            domains,
            self.clock,
        )
        reception = Reception(
            self.office,
            Recognition(own, issued, domains),
            self.rules,
            limits,
            self.chronicle,
        )
        terms = Terms(self.settings.jwt_svid_ttl, limits.svids)
        scribe = Scribe(reception, self.svid_keys, terms, domains, self.chronicle)
        joins = Bootstrap(self.chronicle, reception).create
        renews = Renewal(self.chronicle, reception).create
        return Doors(
            server({wire.SERVICE: {wire.CREATE: joins}}),
            server(
                {
                    wire.SERVICE: {wire.CREATE: renews},
                    svid_wire.SERVICE: {
                        svid_wire.CREATE: scribe.create,
                        svid_wire.KEYS: scribe.keys,
                    },
                }
            ),
        )

    def readiness(self) -> Readiness:
        """Return what must be in order before callers come."""
        readiness = Readiness()
        readiness.check("ledger", lambda: self.book.trouble)
        readiness.check("rules", lambda: self.rules.trouble)
        readiness.check("signer", lambda: self.signer.trouble)
        readiness.check("token-keys", lambda: self.token_keys.trouble)
        readiness.check("jwt-svid-keys", lambda: self.svid_keys.trouble)
        readiness.check("certificate", lambda: self.own.trouble)
        readiness.check("bundle", lambda: self.bundle.trouble)
        readiness.check("audit", lambda: self.journal.trouble)
        readiness.check("doors", lambda: self.doors.trouble)
        return readiness

    def _knows_roots(self) -> bool:
        return bool(self.signer.roots)

    def tasks(self) -> tuple[Coroutine[None, None, None], ...]:
        """Return what runs as long as Citadel does."""
        mesh = self.settings.mesh
        doors = self.doors  # first, for it may find that the settings do not hold
        told: tuple[Coroutine[None, None, None], ...] = ()
        if not isinstance(self.signer, RotatingSigner):
            publisher = TrustPublisher(self.ledger, mesh, lambda: self.signer.roots)
            told = (publisher.tend(),)
        return (
            *told,
            self.signer.tend(),
            self.bundle.tend(),
            self.own.tend(),
            self.token_keys.tend(self._knows_roots),
            self.svid_keys.tend(self._knows_roots),
            self.book.sweep(self.clock),
            self.rule_book.tend(self.clock),
            self.certificates.tend(),
            self.journal.tend(),
            self.announcer.tend(),
            follow(self.ledger, self._mesh_config, self.domains),
            follow(self.ledger, certificates_prefix(mesh), self.certificates),
            follow(self.ledger, denied_prefix(mesh), self.rules.denials),
            follow(self.ledger, entries_prefix(mesh), self.rules.entries),
            doors.serve(self.settings, self.own),
        )


def read_issuers(settings: CitadelSettings) -> tuple[Issuer, ...]:
    """Return the issuers that the settings name.

    Raises:
        InvalidIssuersError: If the file cannot be read, or does not say what it must.

    """
    file = settings.issuers_file
    if file is None:
        return ()
    try:
        return parse_issuers(file.read_bytes())
    except OSError as error:
        raise InvalidIssuersError(f"{file}: {error.strerror}") from error
    except InvalidIssuersError as error:
        raise InvalidIssuersError(f"{file}: {error}") from error


def jwks_guard(settings: CitadelSettings) -> Guard:
    """Return how far the fetching of key sets may go.

    Raises:
        InvalidIssuersError: If the roots cannot be read.

    """
    file = settings.jwks_roots_file
    try:
        roots = "" if file is None else file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidIssuersError(f"{file}: {error}") from error
    return Guard(allowed=settings.jwks_networks, roots=roots)
