"""How Citadel proves itself to Vault, and the token it gets for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from meltemi.citadel.vault.call import Answer, Call
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from pathlib import Path

SECRET_LIMIT = 64 * 1024
RENEW_AT = 2 / 3
JITTER = 0.1


class LoginRefusedError(MeshError):
    """Vault does not accept the proof."""

    code = "vault.login-refused"
    blame = Blame.PEER


class Login(Protocol):
    """A way to log in. Its files are read each time: they may be rotated."""

    def call(self) -> Call:
        """Return the call that logs in; raise `LoginRefusedError` without proof."""
        ...


@dataclass(frozen=True, slots=True)
class AppRole:
    """A role id, and a secret id in a file."""

    role_id_file: Path
    secret_id_file: Path
    mount: str = "approle"

    def call(self) -> Call:
        """Return the call that logs in."""
        fields = {
            "role_id": secret(self.role_id_file),
            "secret_id": secret(self.secret_id_file),
        }
        return Call("log in", "post", f"auth/{self.mount}/login", {**fields})


@dataclass(frozen=True, slots=True)
class JwtLogin:
    """A role, and a JWT in a file that somebody else keeps fresh."""

    role: str
    jwt_file: Path
    mount: str = "jwt"

    def call(self) -> Call:
        """Return the call that logs in."""
        fields = {"role": self.role, "jwt": secret(self.jwt_file)}
        return Call("log in", "post", f"auth/{self.mount}/login", {**fields})


@dataclass(frozen=True, slots=True)
class CertificateLogin:
    """A role for which the connection's client certificate speaks."""

    role: str
    mount: str = "cert"

    def call(self) -> Call:
        """Return the call that logs in."""
        return Call("log in", "post", f"auth/{self.mount}/login", {"name": self.role})


@dataclass(frozen=True, slots=True)
class Session:
    """A token and until when it is good. The token is never printed."""

    token: str
    lease_seconds: float
    renewable: bool
    since: float
    """When it began, seconds of a monotonic clock."""

    def __repr__(self) -> str:
        return f"Session(lease_seconds={self.lease_seconds})"


class _Auth(msgspec.Struct, frozen=True):
    client_token: str
    lease_duration: float
    renewable: bool = False


class _LoginAnswer(msgspec.Struct, frozen=True):
    auth: _Auth


def session_of(answer: Answer, *, since: float) -> Session:
    """Return the session that a login or a renewal gave; raise `LoginRefusedError`."""
    try:
        auth = msgspec.convert(answer.document, _LoginAnswer).auth
    except msgspec.ValidationError:
        raise LoginRefusedError("log in: the answer holds no token") from None
    return Session(auth.client_token, auth.lease_duration, auth.renewable, since)


def renewal_wait(session: Session, *, now: float, draw: float) -> float | None:
    """Return the seconds until ``session`` should be renewed; None: it never ends.

    Args:
        session: The one in use.
        now: The monotonic time.
        draw: From 0 to 1, drawn by the caller: spreads replicas by a tenth.

    """
    if session.lease_seconds <= 0:
        return None
    due = session.lease_seconds * (RENEW_AT + (draw - 0.5) * 2 * JITTER * RENEW_AT)
    return max(session.since + due - now, 0.0)


def secret(path: Path) -> str:
    """Return what a secret's file holds, without surrounding space.

    Raises:
        LoginRefusedError: If it is not there, empty, or no secret by its size.

    """
    try:
        with path.open("rb") as file:
            raw = file.read(SECRET_LIMIT + 1)
        text = raw.decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LoginRefusedError(f"{path}: {type(error).__name__}") from error
    if not text or len(raw) > SECRET_LIMIT:
        raise LoginRefusedError(f"{path}: expected a secret, found {len(raw)} bytes")
    return text
