"""Galley's HTTP API, from the standard library: ``meltemi get`` must start fast."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SECONDS = 10.0
EXIT_FAILURE, EXIT_INPUT, EXIT_UNREACHABLE, EXIT_DENIED = 1, 65, 69, 77
NOT_FOUND = 404
QUOTED = re.compile(r'^\d{3} \S+ "(.*)"$')
NAMED = re.compile(r"^(\S+) ([A-Z]\w*) ([^\s/:]+/[^\s:]+): (.*)$")
EXIT_CODES = {
    400: EXIT_INPUT,
    401: EXIT_DENIED,
    403: EXIT_DENIED,
    413: EXIT_INPUT,
    415: EXIT_INPUT,
    422: EXIT_INPUT,
    502: EXIT_UNREACHABLE,
    503: EXIT_UNREACHABLE,
    504: EXIT_UNREACHABLE,
}


class GalleyUnreachableError(MeshError):
    """Nobody answers where Galley should be."""

    code = "galley.unreachable"
    blame = Blame.PEER


class BadCredentialError(MeshError):
    """The files that say who we are, or whom to believe, cannot be used."""

    code = "galley.credential"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Answer:
    """What Galley said."""

    status: int
    body: Any
    warnings: tuple[str, ...] = ()
    outcome: str = ""
    """What a write did: created, configured or unchanged."""

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked."""
        return self.status < http.client.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class Galley:
    """A Galley, and what to show it of who we are (nothing: read only)."""

    url: str
    token: str = ""
    ca: str = ""
    """Roots to believe it by, a PEM file; empty: the machine's own."""
    cert: str = ""
    """Our certificate, a PEM file, and in `key` its key."""
    key: str = ""

    def get(self, path: str) -> Answer:
        """Ask for ``path``; raise `GalleyUnreachableError` where nobody answers."""
        return self.send("GET", path)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return the answer, whatever it is."""
        connection = self._connection(SECONDS)
        sent = {"accept": "application/json"}
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent["content-type"] = "application/json"
        sent |= headers or {}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise GalleyUnreachableError(
                f"{self.url} does not answer ({error}): is the mesh up? "
                "see meltemi status"
            ) from None
        finally:
            connection.close()
        warnings = answer.headers.get_all("warning", [])
        outcome = answer.headers.get("meltemi-outcome", "")
        return Answer(answer.status, _parsed(content), tuple(warnings), outcome)

    def stream(self, path: str) -> Iterator[Any]:
        """Yield the JSON lines that ``path`` goes on with, until it ends.

        Raises:
            GalleyUnreachableError: If nobody answers, or no longer.

        """
        connection = self._connection(None)
        sent = {"accept": "application/json"}
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        try:
            connection.request("GET", path, headers=sent)
            for line in connection.getresponse():
                yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise GalleyUnreachableError(
                f"{self.url} does not go on ({error}): see meltemi status"
            ) from None
        finally:
            connection.close()

    def _connection(self, seconds: float | None) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme != "https":
            return http.client.HTTPConnection(parts.netloc, timeout=seconds)
        import ssl  # noqa: PLC0415 - the local mesh speaks plain text, and starts fast

        try:
            context = ssl.create_default_context(cafile=self.ca or None)
            if self.cert:
                context.load_cert_chain(self.cert, self.key or None)
        except OSError as error:
            names = " ".join(filter(None, (self.ca, self.cert, self.key)))
            raise BadCredentialError(f"{names}: {error}") from None
        return http.client.HTTPSConnection(
            parts.netloc, timeout=seconds, context=context
        )


def warn(answer: Answer, about: str = "") -> None:
    """Print what Galley wants people to know although it did what it was asked.

    A warning that names no object is about ``about``.
    """
    for warning in answer.warnings:
        typer.echo(warning_line(warning, about), err=True)


def warning_line(header: str, about: str) -> str:
    """Return a ``Warning`` header as ``warning: KIND NAMESPACE/NAME: CODE TEXT``.

    Source:
        RFC 7234 §5.5: ``299 AGENT "TEXT"``, and our TEXT is
        ``CODE [KIND NAMESPACE/NAME: ]MESSAGE``.

    """
    quoted = QUOTED.search(header)
    text = quoted[1] if quoted else header
    named = NAMED.match(text)
    if named:
        code, kind, name, rest = named.groups()
        return f"warning: {kind.lower()} {name}: {code} {rest}"
    return f"warning: {about}: {text}" if about else f"warning: {text}"


def failed(answer: Answer) -> typer.Exit:
    """Print why Galley did not do it, a line a problem; return the exit to raise."""
    for line in problem_lines(answer.body):
        typer.echo(line, err=True)
    return typer.Exit(EXIT_CODES.get(answer.status, EXIT_FAILURE))


def problem_lines(body: Any) -> Sequence[str]:  # noqa: ANN401 - JSON
    """Return an RFC 9457 body as ``FILE:LINE:COL: CODE message (path) — hint``."""
    if not isinstance(body, dict):
        return [f"meltemi: Galley answered {body!r}"]
    errors = body.get("errors") or []
    if not errors:
        title = body.get("title", "refused")
        detail = body.get("detail", "")
        where = f" ({body['instance']})" if body.get("instance") else ""
        return [f"meltemi: {body.get('code', '')}: {title}: {detail}{where}"]
    return [_error_line(each) for each in errors]


def _error_line(error: Mapping[str, Any]) -> str:
    source = error.get("source") or {}
    place = ""
    if source:
        place = f"{source['file']}:{source['line']}:{source['column']}: "
    path = f" ({error['path']})" if error.get("path") else ""
    hint = f" — {error['hint']}" if error.get("hint") else ""
    return f"{place}{error.get('code', '')} {error.get('detail', '')}{path}{hint}"


def _parsed(content: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode(errors="replace")
