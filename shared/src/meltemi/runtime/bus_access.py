"""How a service gets to NATS: as a user of its own, over TLS, where that is on."""

import ssl
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import model_validator

from meltemi.bus.nats import NatsBus
from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.settings import ServiceSettings


class BusFileError(MeshError):
    """A file that NATS is to be entered with cannot be used."""

    code = "bus.file"
    blame = Blame.CALLER


class BusAccess(ServiceSettings):
    """What every service that rings or hears the doorbell is told about it."""

    nats_user: str = ""
    """The service's user in NATS, which hears and rings its own subjects only (threat
    T14); empty: the one that the URL names, if any."""

    nats_password_file: Path | None = None
    """The user's password: a URL in the environment is seen by too many."""

    nats_root_cert_file: Path | None = None
    """Roots to believe NATS by (PEM); unset: it is spoken to in plain text. TLS comes
    first then (``handshake_first`` there), so nobody between can talk us out of it."""

    @model_validator(mode="after")
    def _user_has_a_password(self) -> Self:
        if bool(self.nats_user) != (self.nats_password_file is not None):
            raise ValueError("set nats_user and nats_password_file, or neither")
        return self

    def bus(self, url: str, *, name: str) -> NatsBus:
        """Return the doorbell at ``url``; raise `BusFileError`."""
        tls = None
        if self.nats_root_cert_file is not None:
            tls = _believing(self.nats_root_cert_file)
        if self.nats_password_file is not None:
            url = _with_user(url, self.nats_user, _word(self.nats_password_file))
        return NatsBus(url, name=name, tls=tls)


def _with_user(url: str, user: str, word: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(user, safe='')}:{quote(word, safe='')}@{place}"
    return urlunsplit(parts._replace(netloc=netloc))


def _word(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BusFileError(f"{file}: {error}") from error


def _believing(roots: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=roots)
    except ssl.SSLError as error:
        raise BusFileError(f"{roots} holds no certificate") from error
    except OSError as error:
        raise BusFileError(f"{roots}: {error.strerror}") from error
