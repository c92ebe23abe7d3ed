"""Private keys and tokens where none may stand: logs, events, dumps, the ledger.

Whatever a test runs is read when it ends: `processes` and `up` ask here.
"""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SECRETS = {
    "a private key, PEM": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "an EC key, PKCS #8 in Base64": rb"AgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg",
    "an EC key, SEC 1 in Base64": rb"MHcCAQEEI[A-P]",
    "an RSA key, PKCS #8 in Base64": rb"IBADANBgkqhkiG9w0BAQEFAASC",
    "an EC key, DER": rb"\x02\x01\x01\x04\x20.{32}(?:\xa0\x0a\x06\x08|\xa1\x44\x03\x42)",
    "a private JWK": rb'"d"\s*:\s*"[\w-]{40,}"',
    "a JWT": rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}",
    "a token of Vault": rb"\bhv[sbr]\.[\w-]{20,}",
}
PATTERNS = {what: re.compile(how, re.DOTALL) for what, how in SECRETS.items()}
BEFORE = 60
"""Bytes before a find that are shown, and none of it."""


class LeakError(AssertionError):
    """A secret stands where it must not."""


def leaks(text: bytes, known: Iterable[bytes] = ()) -> list[str]:
    """Return what secrets stand in ``text``: their kind and the bytes before them.

    Args:
        text: Of a log, a dump, a ledger's file, the wire.
        known: Secrets of this run that no pattern finds.

    """
    exact = {f"secret {number}": re.escape(each) for number, each in enumerate(known)}
    patterns = PATTERNS | {name: re.compile(each) for name, each in exact.items()}
    return [
        f"{what} behind {text[max(0, found.start() - BEFORE) : found.start()]!r}"
        for what, pattern in patterns.items()
        for found in pattern.finditer(text)
    ]


def check_leaks(texts: Mapping[str, bytes], known: Iterable[bytes] = ()) -> None:
    """Make sure that no secret stands in ``texts``, by where they are from.

    Raises:
        LeakError: Naming place and kind, without the secret.

    """
    known = list(known)
    found = [
        f"{place}: {leak}"
        for place, text in texts.items()
        for leak in leaks(text, known)
    ]
    if found:
        raise LeakError("\n".join(["secrets in the open:", *found]))


def files_below(folder: Path) -> dict[str, bytes]:
    """Return what stands in every regular file below ``folder``."""
    found = {}
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if file.is_file():
                found[str(file.relative_to(folder))] = file.read_bytes()
    return found


@contextmanager
def overheard(url: str) -> Iterator[bytearray]:
    """Collect every byte that a NATS server delivers to anybody, while it lasts."""
    heard = bytearray()
    host, _, port = url.removeprefix("nats://").rpartition(":")
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(b'CONNECT {"verbose":false}\r\nSUB > 1\r\nPING\r\n')
        thread = threading.Thread(target=_listen, args=(wire, heard), daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            thread.join()


def _listen(wire: socket.socket, heard: bytearray) -> None:
    with suppress(OSError):
        while received := wire.recv(65536):
            heard += received
            if b"PING\r\n" in received:
                wire.sendall(b"PONG\r\n")
