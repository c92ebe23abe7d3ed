"""One HTTP/1.1 answer, put together as its bytes come, and no more of it than asked."""

from __future__ import annotations

from typing import Final

from httptools import HttpParserError, HttpResponseParser

HEADER_BYTES: Final = 32 * 1024


class BadReplyError(Exception):
    """What came is no HTTP, or more than is taken."""


class Reply:
    """An answer in the making: ``feed`` it until it ``is_complete``, or ``end`` it."""

    def __init__(self, *, body_limit: int) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_complete = False
        self._body = bytearray()
        self._body_bytes = 0
        self._limit = body_limit
        self._header_bytes = 0
        self._in_header = True
        self._why = ""
        self._parser = HttpResponseParser(self)

    @property
    def body(self) -> bytes:
        """What came of the body so far, and was not drained."""
        return bytes(self._body)

    def drained(self) -> bytes:
        """Return what came of the body since this was last asked, and let go of it."""
        piece = self.body
        self._body.clear()
        return piece

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            BadReplyError: If they are no HTTP, if the header has more than
                `HEADER_BYTES` or the body more than its limit.

        """
        if self._in_header:
            self._header_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            raise BadReplyError(self._why or f"no HTTP: {error}") from error
        if self._in_header and self._header_bytes > HEADER_BYTES:
            raise BadReplyError(f"the header has more than {HEADER_BYTES} bytes")

    def end(self) -> None:
        """Take the end of the connection, which ends a body that names no length.

        Raises:
            BadReplyError: If there was more to come.

        """
        framed = {"content-length", "transfer-encoding"} & self.headers.keys()
        if self._in_header or (framed and not self.is_complete):
            raise BadReplyError("the connection ended before the answer did")
        self.is_complete = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one header; of several with one name the last."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Look at the length before any of the body is read."""
        self._in_header = False
        self.status = self._parser.get_status_code()
        length = self.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._limit:
            self._refuse_body()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, within the limit."""
        self._body_bytes += len(body)
        if self._body_bytes > self._limit:
            self._refuse_body()
        self._body += body

    def on_message_complete(self) -> None:
        """Be done."""
        self.is_complete = True

    def _refuse_body(self) -> None:
        # The parser wraps what a callback raises: the words are kept here.
        self._why = f"the body has more than {self._limit} bytes"
        raise BadReplyError(self._why)
