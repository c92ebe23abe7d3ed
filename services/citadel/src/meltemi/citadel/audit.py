"""The audit: one line for each decision, chained so that a missing one shows. No I/O.

::

    {"previous": HASH, "time": …, "what": "certificate.issued", …, "hash": HASH}

``hash`` is the SHA-256 of the line before ``hash`` was added, as msgspec writes it with
its members in order. Neither tokens nor requests stand in it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

FIRST = "0" * 64
"""What the first line follows on."""
LONGEST_TEXT = 512
"""Characters of a reason that are kept: part of it is the caller's."""


class BrokenChainError(MeshError):
    """A line of the audit was changed, or one is missing."""

    code = "citadel.broken-audit"
    blame = Blame.OURS


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decision."""

    time: datetime
    what: str
    """``certificate.issued``, ``certificate.refused``, ``token.created``, …"""
    by: str = ""
    """The administrator, for what administrators do."""
    peer: str = ""
    proof: str = ""
    identity: str = ""
    voucher: str = ""
    serial: str = ""
    """Of a certificate; the ``jti`` of a JWT-SVID."""
    issuer: str = ""
    not_after: datetime | None = None
    key_sha256: str = ""
    code: str = ""
    """Of the refusal."""
    reason: str = ""
    subject: str = ""
    """What it is about, where that is no identity: a token, a key, an audience."""


class _Chained(Line, frozen=True, kw_only=True, omit_defaults=True):
    previous: str


class _Told(msgspec.Struct, frozen=True):
    previous: str
    hash: str


def chain(line: Line, previous: str) -> tuple[bytes, str]:
    """Return ``line`` as it is written behind ``previous``, and its own hash."""
    fields = msgspec.structs.asdict(line)
    fields["reason"] = line.reason[:LONGEST_TEXT]
    body = msgspec.json.encode(_Chained(**fields, previous=previous))
    own = hashlib.sha256(body).hexdigest()
    return body[:-1] + f',"hash":"{own}"}}'.encode(), own


def check_chain(lines: Iterable[bytes], previous: str = FIRST) -> str:
    """Return the hash of the last of ``lines``.

    Raises:
        BrokenChainError: Naming the first line that does not follow on the one before.

    """
    for number, line in enumerate(lines, 1):
        try:
            told = msgspec.json.decode(line, type=_Told)
        except msgspec.DecodeError as error:
            raise BrokenChainError(f"line {number} is none: {error}") from error
        body = line.removesuffix(f',"hash":"{told.hash}"}}'.encode()) + b"}"
        if told.previous != previous or hashlib.sha256(body).hexdigest() != told.hash:
            raise BrokenChainError(f"line {number} does not follow on the one before")
        previous = told.hash
    return previous
