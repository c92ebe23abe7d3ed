"""The keys of one kind of token, and when each of them signs. No I/O.

::

    made ─── lead ───▶ signs ─── life ───▶ its successor signs ─── lasting ───▶ gone
    └────────────── everybody is told its public half, to the end ──────────────┘

The first key has no lead: there is nothing older that could sign meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Self

import msgspec

from meltemi.citadel.sealing import UnsealError
from meltemi.citadel.token_key import TokenKey
from meltemi.identity.certificate import InvalidCertificateError
from meltemi.identity.keys import key_from_pem, key_to_pem
from meltemi.identity.sealed import SealError
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.identity.issued_tokens import Key
    from meltemi.identity.sealed import SealingKey

SKEW = timedelta(minutes=1)
"""By which the clocks of replicas and of who verifies may differ, at most."""


class NoSuchKeyError(MeshError):
    """A key is to be withdrawn that nobody signs with."""

    code = "citadel.no-such-key"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast keys follow each other.

    Attributes:
        life: How long a key is the newest.
        lead: How long its public half is out before it signs.
        lasting: The longest life of what it signs.

    """

    life: timedelta
    lead: timedelta
    lasting: timedelta

    @classmethod
    def of(cls, life: timedelta, lasting: timedelta) -> Self:
        """Return the pace of keys that live for ``life``: ten minutes of lead at most.

        Who verifies asks for new keys twice in a lead.
        """
        return cls(life, min(timedelta(minutes=10), life / 4), lasting)

    @property
    def refresh(self) -> timedelta:
        """How often to ask for the public halves so as to miss none."""
        return self.lead / 2


class StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key as it lies in the ledger: PKCS #8 PEM, sealed."""

    id: str
    made: datetime
    key: str


class StoredRing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys, oldest first, and when they changed last."""

    changed: datetime
    keys: tuple[StoredKey, ...]

    def encode(self) -> bytes:
        """Return the stored form, JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read the stored form; raise `UnsealError` if ``raw`` is none."""
        try:
            return msgspec.json.decode(raw, type=cls)
        except msgspec.DecodeError as error:
            raise UnsealError(f"these are no signing keys: {error}") from error


@dataclass(frozen=True, slots=True)
class Drawer:
    """What opens the keys of one kind of token.

    Attributes:
        kek: The key encryption key.
        about: Which kind, of which mesh: sealed keys open nowhere else.

    """

    kek: SealingKey
    about: str

    def seal(self, key: TokenKey, now: datetime) -> StoredKey:
        """Return ``key`` as it is stored."""
        plain = key_to_pem(key.key).encode()
        return StoredKey(key.id, now, self.kek.seal(plain, about=self._about(key.id)))

    def open(self, stored: StoredKey) -> TokenKey:
        """Return what `seal` was given; raise `UnsealError`."""
        try:
            pem = self.kek.unseal(stored.key, about=self._about(stored.id))
            return TokenKey(key_from_pem(pem.decode("ascii")))
        except (SealError, InvalidCertificateError, ValueError) as error:
            raise UnsealError(
                f"{error}: every Citadel of a mesh must have the same CITADEL_KEY_FILE"
            ) from error

    def _about(self, number: str) -> str:
        return f"{self.about} key {number}"


@dataclass(frozen=True)  # no slots: the cached properties need a dictionary
class Ring:
    """The keys, opened."""

    stored: StoredRing
    opened: tuple[TokenKey, ...]

    @classmethod
    def of(cls, stored: StoredRing, drawer: Drawer) -> Self:
        """Return ``stored``, opened; raise `UnsealError`."""
        return cls(stored, tuple(drawer.open(each) for each in stored.keys))

    def signing(self, pace: Pace, now: datetime) -> TokenKey:
        """Return the newest key that has been out for long enough, else the oldest."""
        pairs = list(zip(self.stored.keys, self.opened, strict=True))
        out = [key for told, key in pairs if told.made + pace.lead <= now]
        return out[-1] if out else self.opened[0]

    @cached_property
    def jwks(self) -> tuple[dict[str, str], ...]:
        """The public halves, as they stand in a JWK set."""
        return tuple(each.jwk for each in self.opened)

    @cached_property
    def public(self) -> tuple[Key, ...]:
        """What verifies their signatures."""
        return tuple(key for each in self.opened for key in each.public)


def kept(keys: Sequence[StoredKey], pace: Pace, now: datetime) -> tuple[StoredKey, ...]:
    """Return the keys of which something may still be out, or will be."""
    over = pace.lead + pace.lasting + SKEW
    return tuple(
        each
        for each, next_one in zip_longest(keys, keys[1:])
        if next_one is None or now < next_one.made + over
    )


def is_due(keys: Sequence[StoredKey], pace: Pace, now: datetime) -> bool:
    """Tell whether a new key is to be made."""
    return not keys or keys[-1].made + pace.life <= now


def without(stored: StoredRing, number: str, now: datetime) -> StoredRing:
    """Return ``stored`` without the key ``number``: what it signed is worthless.

    Raises:
        NoSuchKeyError: If it is not there.

    """
    left = tuple(each for each in stored.keys if each.id != number)
    if len(left) == len(stored.keys):
        raise NoSuchKeyError(f"there is no signing key {number!r}")
    return StoredRing(now, left)
