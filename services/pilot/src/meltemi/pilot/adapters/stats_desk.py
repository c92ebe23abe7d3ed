"""Where agents tell what their proxies counted: one gRPC call each few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import structlog

from meltemi.credentials.mutual import caller
from meltemi.identity.certificate import InvalidCertificateError
from meltemi.pilot.adapters.door import DeniedError
from meltemi.pilot.scope.caller import ForbiddenNodeError
from meltemi.stats.report import METHOD, InvalidReportError, decoded

if TYPE_CHECKING:
    from meltemi.pilot.adapters.door import Door
    from meltemi.pilot.stats.book import Book

Context = grpc.aio.ServicerContext[bytes, bytes]

log = structlog.get_logger("meltemi.pilot")


class StatsDesk(grpc.GenericRpcHandler):
    """Writes what agents tell into the book."""

    def __init__(self, book: Book, door: Door) -> None:
        self._book, self._door = book, door

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Return the handler of the one method; None for any other."""
        if handler_call_details.method != METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(self.report)

    async def report(self, raw: bytes, context: Context) -> bytes:
        """Take one report."""
        try:
            peer = caller(context)
            self._door.check(peer)
            self._book.note(decoded(raw), peer.identity if peer else None)
        except InvalidReportError as error:
            log.warning("stats.refused", error=str(error))
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except (InvalidCertificateError, ForbiddenNodeError, DeniedError) as error:
            log.warning("stats.forbidden", error=str(error))
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))
        return b""
