"""What a workload shall be in the mesh, read from the words of a command line. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.probe_text import spelled_probe
from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.settings import Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.config.schema.workload_group import ReadinessProbe

LOOPBACK: Final = "127.0.0.1"
LONGEST_NAME: Final = 63
NO_LABEL: Final = re.compile(r"[^a-z0-9]+")
PORT_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


class BadWishError(MeshError):
    """The words do not say what the workload shall be."""

    code = "workload.wish"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the service: its number there, and its name, which tells a protocol."""

    number: int
    name: str = "http"

    @classmethod
    def parse(cls, text: str) -> Port:
        """Return the port that ``8080`` or ``8080:grpc`` spells.

        Raises:
            BadWishError: If it is none.

        """
        number, colon, name = text.partition(":")
        try:
            found = Address.parse(f"{LOOPBACK}:{number}").port
        except ValueError as error:
            raise BadWishError(f"--port {text}: {error}") from None
        if colon and not PORT_NAME.fullmatch(name):
            raise BadWishError(
                f"--port {text}: expected PORT or PORT:NAME, where NAME is that of the "
                "service's port: http, grpc, tcp, http-web"
            )
        return cls(found, name or "http")


@dataclass(frozen=True, slots=True)
class Upstream:
    """A service the application calls, and the local address that reaches it."""

    host: str
    port: int
    local: Address

    @property
    def variables(self) -> Mapping[str, str]:
        """How the application finds it: ``NAME_SERVICE_HOST`` and ``…_PORT``."""
        name = self.host.partition(".")[0].replace("-", "_").upper()
        return {
            f"{name}_SERVICE_HOST": self.local.host,
            f"{name}_SERVICE_PORT": str(self.local.port),
        }

    def named(self, namespace: str, suffix: str) -> str:
        """Return ``HOST:PORT``, a short name completed as Istio does."""
        whole = "" if "." in self.host else f".{namespace}.svc.{suffix}"
        return f"{self.host}{whole}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Upstream:
        """Return what ``HOST:PORT=LOCAL`` spells; LOCAL is a port or ``HOST:PORT``.

        Raises:
            BadWishError: If it spells none.

        """
        there, _, here = text.partition("=")
        try:
            remote = Address.parse(there)
            local = Address.parse(here if ":" in here else f"{LOOPBACK}:{here}")
        except ValueError as error:
            raise BadWishError(
                f"--upstream {text}: {error}; expected HOST:PORT=LOCAL, as in "
                "reviews:9080=18090"
            ) from None
        return cls(remote.host, remote.port, local)


@dataclass(frozen=True, slots=True)
class Wish:
    """One workload, as its owner wants it.

    Attributes:
        name: What it, and its WorkloadEntry, is called.
        service: Its label ``app``, which services select it by.
        port: Of the service.
        application: Where the application listens.
        address: Where other machines reach this one.
        labels: More labels.
        group: The WorkloadGroup it is of; empty: none.
        upstreams: What the application calls.
        node: What this machine is called, where a token is bound to it.
        health: How the application is found to be well; None: as its group says.
        captured: Whether the machine's traffic is sent through the proxy, so that the
            application calls the names of services.

    """

    name: str
    service: str
    port: Port
    application: Address
    address: str
    labels: Mapping[str, str]
    group: str = ""
    upstreams: tuple[Upstream, ...] = ()
    node: str = ""
    health: ReadinessProbe | None = None
    captured: bool = False

    def __post_init__(self) -> None:
        """Raise `BadWishError` for local ports where traffic is captured."""
        if self.captured and self.upstreams:
            raise BadWishError(
                "--upstream with --captured: the application calls services by name, "
                f"as in http://{self.upstreams[0].host}:{self.upstreams[0].port}"
            )


def health_of(text: str, port: Port) -> ReadinessProbe | None:
    """Return the probe that ``--health`` spells, of ``port`` unless it names another.

    Raises:
        BadWishError: If it spells none.

    """
    try:
        return spelled_probe(text, port.number) if text else None
    except ValueError as error:
        raise BadWishError(f"--health {error}") from None


def labels_of(words: Iterable[str]) -> dict[str, str]:
    """Return the labels that ``KEY=VALUE`` words spell.

    Raises:
        BadWishError: If one does not.

    """
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise BadWishError(f"--label {word}: expected KEY=VALUE")
        found[key] = value
    return found


def name_of(service: str, machine: str) -> str:
    """Return what the workload of ``service`` on ``machine`` is called by itself."""
    where = NO_LABEL.sub("-", machine.partition(".")[0].lower()).strip("-")
    return f"{service}-{where}"[:LONGEST_NAME].strip("-")
