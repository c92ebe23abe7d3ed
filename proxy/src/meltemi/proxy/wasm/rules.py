"""From where modules may come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.runtime.guarded_fetch import FetchRefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.runtime.guarded_fetch import Guard


@dataclass(frozen=True, slots=True)
class ModuleRules:
    """From where modules may come, and whom we are there.

    Attributes:
        guard: How far a fetch may go; `Guard.plain` is not looked at.
        servers: Hosts, or ``*.DOMAIN``, that an order may name; empty: any.
        plain_servers: Hosts, with their ports, believed in plain text: registries, and
            others whose modules have no hash.
        pinned: Whether a module's hash must be said.
        secrets: The folder of pull secrets, each Docker's config.json; None: no such.

    """

    guard: Guard
    servers: tuple[str, ...] = ()
    plain_servers: tuple[str, ...] = ()
    secrets: Path | None = None
    pinned: bool = False

    def check_server(self, host: str) -> None:
        """Raise `FetchRefusedError` unless an order may name ``host``."""
        name = host.lower()
        fits = (
            name == each or (each.startswith("*.") and name.endswith(each[1:]))
            for each in self.servers
        )
        if self.servers and not any(fits):
            raise FetchRefusedError(
                f"{host} is not among the servers that modules may come from "
                f"(AGENT_WASM_SERVERS): {', '.join(self.servers)}"
            )
