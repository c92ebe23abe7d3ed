"""Where agents tell what their proxies counted: one gRPC call each few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import structlog

from meltemi.identity.certificate import InvalidCertificateError
from meltemi.pilot.adapters.door import DeniedError
from meltemi.pilot.scope.caller import ForbiddenNodeError
from meltemi.stats.report import METHOD, InvalidReportError, decoded

if TYPE_CHECKING:
    from meltemi.pilot.adapters.call import Call, Handlers
    from meltemi.pilot.adapters.door import Door
    from meltemi.pilot.stats.book import Book

log = structlog.get_logger("meltemi.pilot")


class StatsDesk:
    """Writes what agents tell into the book."""

    def __init__(self, book: Book, door: Door) -> None:
        self._book, self._door = book, door

    @property
    def handlers(self) -> Handlers:
        """The one method, by its path."""
        return {METHOD: self.report}

    async def report(self, call: Call) -> None:
        """Take one report."""
        raw = await call.read()
        if raw is None:
            return
        try:
            peer = call.peer()
            self._door.check(peer)
            self._book.note(decoded(raw), peer.identity if peer else None)
        except InvalidReportError as error:
            log.warning("stats.refused", error=str(error))
            await call.refuse(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except (InvalidCertificateError, ForbiddenNodeError, DeniedError) as error:
            log.warning("stats.forbidden", error=str(error))
            await call.refuse(grpc.StatusCode.PERMISSION_DENIED, str(error))
        await call.write((b"",))
