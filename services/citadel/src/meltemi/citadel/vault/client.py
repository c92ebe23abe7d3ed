"""A logged-in client of Vault on asyncio: threads below, deadlines above.

::

    ask() ──▶ breaker ──▶ queue of 64 ──▶ 16 threads ──▶ hvac
                │                             │
                └── tries: 3, within 5 s ◀────┘   403: log in again, once for all
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from meltemi.citadel.signer import SignerBusyError, SignerUnavailableError
from meltemi.citadel.vault.breaker import Breaker
from meltemi.citadel.vault.call import Answer, Call, Sessions, VaultUnreachableError
from meltemi.citadel.vault.login import (
    LoginRefusedError,
    Session,
    renewal_wait,
    session_of,
)
from meltemi.kernel.backoff import Backoff
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from concurrent.futures import Future
    from random import Random

    from meltemi.citadel.vault.call import Connection
    from meltemi.citadel.vault.login import Login
    from meltemi.kernel.clock import Clock

THREADS = 16
QUEUE = 64
DEADLINE_SECONDS = 5.0
TRIES = 3
TRY_AGAIN = frozenset({429, 502, 503})
"""Too many requests, a bad gateway, sealed or a standby: nothing was done."""

REDIRECTS = range(300, 400)
DENIED = 403
PAUSE = Backoff(first=0.2, ceiling=1.0)
LOGIN_PAUSE = Backoff(first=0.5, ceiling=5.0)

log = structlog.get_logger()


class VaultRefusedError(MeshError):
    """Vault understood and said no: its roles or policies are not as we need them."""

    code = "vault.refused"
    blame = Blame.OURS


class NotAskedError(VaultUnreachableError):
    """Vault failed too often of late to be asked again at once."""


class VaultClient:
    """Asks Vault, and answers within five seconds whatever Vault does.

    Attributes:
        trouble: Why the last call did not get through, or None.

    """

    def __init__(
        self, connection: Connection, login: Login, clock: Clock, rng: Random
    ) -> None:
        self._addresses = connection.addresses
        self._login = login
        self._clock = clock
        self._rng = rng
        self._sessions = Sessions(connection)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="vault")
        self._breaker = Breaker()
        self._session: Session | None = None
        self._logging_in = asyncio.Lock()
        self._in_hand = 0
        self._current = 0
        self.trouble: str | None = "Vault was not asked yet"

    async def ask(self, call: Call) -> Answer:
        """Return Vault's good answer to ``call``.

        Raises:
            SignerUnavailableError: If there is none in time: it is away, sealed,
                overloaded, or does not let us in.
            SignerBusyError: If too many calls are waiting.
            VaultRefusedError: If it will not do this, however often it is asked.

        """
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                answer = await self._asked(call)
        except TimeoutError:
            self._failed(call, f"no answer in {DEADLINE_SECONDS:.0f} s")
            raise SignerUnavailableError(f"Vault: {self.trouble}") from None
        except NotAskedError as error:
            raise SignerUnavailableError(f"Vault: {error}") from None
        except (VaultUnreachableError, LoginRefusedError) as error:
            self.trouble = str(error)
            raise SignerUnavailableError(f"Vault: {error}") from None
        return answer

    async def _asked(self, call: Call) -> Answer:
        """Ask, and if we are not let in ask once more after a new login."""
        session = await self._logged_in(None)
        answer = await self._tried(call, session.token)
        if answer.status == DENIED:
            session = await self._logged_in(session)
            answer = await self._tried(call, session.token)
        return self._judged(call, answer)

    def _judged(self, call: Call, answer: Answer) -> Answer:
        if answer.ok:
            self.trouble = None
            return answer
        text = f"{call.what}: status {answer.status}"
        self.trouble = text
        if answer.status == 200:  # noqa: PLR2004 - HTTP
            raise SignerUnavailableError(f"Vault: {text}, but not Vault's JSON")
        if answer.status in REDIRECTS:
            raise SignerUnavailableError(
                f"Vault: {text}: redirects are not followed, name the active server"
            )
        if answer.status == DENIED:
            raise SignerUnavailableError(
                f"Vault: {text}, also after a new login: look at its policies"
            )
        if answer.status in (400, 404, 405):
            raise VaultRefusedError(
                f"Vault: {text}: look at mount, issuer, role: meltemi vault setup"
            )
        raise SignerUnavailableError(f"Vault: {text}")

    async def _tried(self, call: Call, token: str) -> Answer:
        """Make ``call`` up to three times, as long as nothing can have come of it."""
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            if not self._breaker.allows(self._clock.monotonic()):
                raise NotAskedError(f"not asked again yet: {self.trouble}")
            try:
                answer = await self._in_thread(call, token)
            except VaultUnreachableError as error:
                self._failed(call, str(error))
                if last or not _never_sent(error):
                    raise
            else:
                again = answer.status in TRY_AGAIN or answer.status in REDIRECTS
                if answer.ok or answer.status < 500 and not again:  # noqa: PLR2004, RUF021 - HTTP
                    self._breaker.succeeded()
                else:
                    self._failed(call, f"status {answer.status}")
                if last or not again:
                    return answer
            self._current += 1  # another server of the cluster may be the active one
            await asyncio.sleep(PAUSE.delay(attempt, self._rng))
        raise AssertionError("the last try returns or raises")

    async def _in_thread(self, call: Call, token: str) -> Answer:
        if self._in_hand >= THREADS + QUEUE:
            raise SignerBusyError(f"{self._in_hand} calls of Vault are in hand already")
        address = self._addresses[self._current % len(self._addresses)]
        self._in_hand += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(self._sessions.perform, call, address, token)
        future.add_done_callback(lambda done: self._released(loop, done))
        return await asyncio.wrap_future(future)

    def _released(self, loop: asyncio.AbstractEventLoop, _: Future[Answer]) -> None:
        """Count a thread as free when it is: a caller may have stopped waiting."""
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._free)

    def _free(self) -> None:
        self._in_hand -= 1

    def _failed(self, call: Call, why: str) -> None:
        was_open = self._breaker.open
        self.trouble = why if why.startswith(call.what) else f"{call.what}: {why}"
        self._breaker.failed(self._clock.monotonic())
        if self._breaker.open and not was_open:
            log.warning("vault.given_up", reason=self.trouble)

    async def _logged_in(self, stale: Session | None) -> Session:
        """Return a session other than ``stale``; of many that ask one logs in."""
        if self._session is not None and self._session is not stale:
            return self._session
        async with self._logging_in:
            if self._session is not None and self._session is not stale:
                return self._session
            self._session = None
            begun = self._clock.monotonic()
            answer = await self._tried(self._login.call(), "")
            if not answer.ok:
                raise LoginRefusedError(f"log in: status {answer.status}")
            self._session = session_of(answer, since=begun)
            log.info("vault.logged_in", lease_seconds=self._session.lease_seconds)
            return self._session

    async def tend(self) -> None:
        """Keep a session, renewed at two thirds of its lease, until cancelled."""
        attempt = 0
        try:
            while True:
                try:
                    async with asyncio.timeout(DEADLINE_SECONDS):
                        session = await self._logged_in(None)
                    now = self._clock.monotonic()
                    wait = renewal_wait(session, now=now, draw=self._rng.random())
                    if wait is None:
                        await asyncio.Event().wait()
                        return
                    await asyncio.sleep(wait)
                    async with asyncio.timeout(DEADLINE_SECONDS):
                        await self._renewed(session)
                    attempt = 0
                except (MeshError, TimeoutError) as error:
                    if not isinstance(error, NotAskedError):
                        self.trouble = str(error) or "log in: no answer in time"
                    await asyncio.sleep(LOGIN_PAUSE.delay(attempt, self._rng))
                    attempt += 1
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _renewed(self, session: Session) -> None:
        """Prolong ``session``, or log in again where that cannot be done any more."""
        if self._session is not session:
            return
        if session.renewable:
            begun = self._clock.monotonic()
            call = Call("renew the token", "post", "auth/token/renew-self", {})
            answer = await self._tried(call, session.token)
            if answer.ok:
                renewed = session_of(answer, since=begun)
                # Capped by its longest life: it would end before the next renewal.
                if renewed.lease_seconds >= session.lease_seconds / 2:
                    self._session = renewed
                    return
            elif answer.status != DENIED:
                raise SignerUnavailableError(f"renew the token: {answer.status}")
        await self._logged_in(session)


def _never_sent(error: VaultUnreachableError) -> bool:
    """Tell whether the connection failed, before or while it was used."""
    return str(error).endswith(("ConnectionError", "ConnectTimeout", "SSLError"))
