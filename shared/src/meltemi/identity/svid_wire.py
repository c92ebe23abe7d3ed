"""How an agent asks Citadel for JWT-SVIDs and for the keys that verify them.

Methods of gRPC on the port where workloads show their certificates. Both ends are
ours, so the messages are JSON: the types below say all of it.
"""

# msgspec reads the annotations when the program runs, so their imports stay here.
from datetime import datetime
from typing import Final, Self

import msgspec

from meltemi.identity.wire import InvalidMessageError

SERVICE: Final = "meltemi.identity.v1.JwtSvidService"
CREATE, KEYS = "CreateJwtSvid", "GetJwtKeys"


class _Message(msgspec.Struct, frozen=True):
    def encode(self) -> bytes:
        """Return the message's bytes."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read a message; raise `InvalidMessageError` if ``raw`` is none."""
        try:
            return msgspec.json.decode(raw, type=cls)
        except msgspec.MsgspecError as error:
            raise InvalidMessageError(f"no {cls.__name__}: {error}") from error


class SvidRequest(_Message, frozen=True, forbid_unknown_fields=True):
    """Whom a token is to be shown to."""

    audience: tuple[str, ...]


class SvidAnswer(_Message, frozen=True):
    """The token, who it is of, and when it ends."""

    identity: str
    svid: str
    expires: datetime


class SvidKeys(_Message, frozen=True):
    """The keys of the mesh's JWT-SVIDs, as its SPIFFE bundle has them."""

    trust_domains: tuple[str, ...]
    """What the mesh is called: whose tokens they verify."""
    keys: tuple[dict[str, str], ...]
    refresh_seconds: float
    """How often to ask again so as to miss no key."""
