"""Filters that people bring themselves, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.ir.origin import Origins


class Failure(StrEnum):
    """What becomes of traffic while a module does not work."""

    CLOSED = "closed"
    """It is refused."""
    OPEN = "open"
    """It passes as if there were no module."""
    RELOAD = "reload"
    """It is refused until the module, loaded again, works."""


@dataclass(frozen=True, slots=True)
class FileModule:
    """A module in a file of the proxy's machine."""

    path: str


@dataclass(frozen=True, slots=True)
class FetchedModule:
    """A module that the agent fetches.

    Attributes:
        url: As it is written.
        sha256: Of the module or its image, in hex; empty: not known.
        policy: When it is fetched again, in Istio's words; empty: not said.
        secret: What the credentials are called; empty: none are needed.
        version: Of the object that orders it: a new one has it asked for again.

    """

    url: str
    sha256: str = ""
    policy: str = ""
    secret: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class WasmFilter:
    """A Wasm module.

    Attributes:
        name: The filter's.
        plugin: What the module's logs and counters call it.
        root: Which part of a module that holds several; empty: its only one.
        settings: What it is started with, as JSON text; empty: nothing.
        module: Where it comes from.
        failure: What becomes of traffic while it does not work.
        variables: Of its environment, with values.
        inherited: Names of variables that it has from the proxy's environment.

    """

    name: str
    plugin: str
    module: FileModule | FetchedModule
    root: str = ""
    settings: str = ""
    failure: Failure = Failure.CLOSED
    variables: tuple[tuple[str, str], ...] = ()
    inherited: tuple[str, ...] = ()

    @property
    def apart(self) -> bool:
        """Whether its configuration travels apart: somebody fetches its module."""
        return isinstance(self.module, FetchedModule)


@dataclass(frozen=True, slots=True)
class Extension:
    """A filter's configuration that travels apart from the listeners it stands in.

    Attributes:
        made: The filter.
        connections: Whether it sees connections, not requests.
        origins: Whose it is.

    """

    made: WasmFilter
    connections: bool
    origins: Origins


@dataclass(frozen=True, slots=True)
class LuaFilter:
    """A Lua script that sees requests."""

    name: str
    code: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What stands in for a filter that cannot be had: nothing passes."""

    name: str


Plugin = WasmFilter | LuaFilter | Refusal


@dataclass(frozen=True, slots=True)
class Plugins:
    """The filters people brought, by the place they asked for, each in order."""

    authentication: tuple[Plugin, ...] = ()
    """Before it is known who calls."""
    authorization: tuple[Plugin, ...] = ()
    """Before it is decided who may."""
    statistics: tuple[Plugin, ...] = ()
    rest: tuple[Plugin, ...] = ()


NO_PLUGINS = Plugins()
