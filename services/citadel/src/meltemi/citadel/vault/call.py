"""One call of Vault's HTTP API, in a thread, and what came of it.

What hvac and requests are told of and say stays in this module: their errors carry
URLs and bodies, which may hold tokens.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import hvac
import msgspec
import requests

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 3.05
READ_SECONDS = 5.0
OK = range(200, 300)

Fields = dict[str, str | int | bool | list[str]]


class VaultUnreachableError(MeshError):
    """No answer came, so it is not known whether the call was received."""

    code = "vault.unreachable"
    blame = Blame.PEER


@dataclass(frozen=True, slots=True)
class Connection:
    """Where Vault is, and how to speak to it.

    Attributes:
        addresses: URLs of the servers of one cluster. One that is a standby or away
            is passed over for the next: redirects are not followed.
        ca_file: Whom to believe for https; empty: the machine's roots.
        namespace: For servers that have namespaces.
        certificate: A client certificate and its key, files; empty: none.

    """

    addresses: tuple[str, ...]
    ca_file: str = ""
    namespace: str = ""
    certificate: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A method, a path below ``/v1/``, and fields; ``what`` names it in errors."""

    what: str
    method: str
    path: str
    fields: Fields | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and, where the body was JSON with status 200, its document."""

    status: int
    document: object = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether Vault did it; a 200 that is not JSON is somebody else's."""
        return self.status in OK and not (self.status == 200 and self.document is None)  # noqa: PLR2004 - HTTP


class Sessions:
    """One HTTP session for each thread and address: requests promises no more."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._local = threading.local()

    def perform(self, call: Call, address: str, token: str) -> Answer:
        """Make ``call``, and block for as long as its timeouts say.

        Raises:
            VaultUnreachableError: If no whole answer came; its text names the kind
                of failure and nothing of the request.

        """
        client = self._client(address)
        headers = {"X-Vault-Token": token} if token else {}
        try:
            answer = client.adapter.request(
                call.method,
                f"/v1/{call.path}",
                headers=headers,
                json=dict(call.fields) if call.fields is not None else None,
                raise_exception=False,
            )
        except requests.RequestException as error:
            kind = type(error).__name__
            raise VaultUnreachableError(f"{call.what}: {kind}") from None
        except OSError as error:  # a file for TLS that is not there
            raise VaultUnreachableError(f"{call.what}: {error}") from None
        if isinstance(answer, dict):
            return Answer(200, answer)
        return Answer(int(answer.status_code))

    def _client(self, address: str) -> hvac.Client:
        clients: dict[str, hvac.Client] = self._local.__dict__.setdefault("clients", {})
        if address not in clients:
            session = requests.Session()
            session.trust_env = (
                False  # no proxy, no .netrc: Vault is where we were told
            )
            session.cert = self._connection.certificate
            session.verify = self._connection.ca_file or True
            clients[address] = hvac.Client(
                url=address,
                token="",
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                session=session,
                namespace=self._connection.namespace or None,
            )
        return clients[address]


def data_of(answer: Answer) -> Mapping[str, object]:
    """Return the ``data`` of an answer, empty if it has none."""
    try:
        found = msgspec.convert(answer.document, _Envelope)
    except msgspec.ValidationError:
        return {}
    return found.data or {}


class _Envelope(msgspec.Struct, frozen=True):
    data: dict[str, object] | None = None
