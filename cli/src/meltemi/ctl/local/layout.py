"""The folder of one local mesh, its ports, and the programs it runs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.ctl.local.accounts import password

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs this machine has, and their versions."""

    python: str
    etcd: str
    nats: str
    versions: Mapping[str, str]
    """Of ``etcd``, ``nats``, ``envoy`` and ``meltemi``."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of one local mesh, and the ports it was given."""

    state: Path
    ports: Mapping[str, int]
    epoch: str
    """Unique to this mesh's data: etcd's cluster id is made of it."""
    secret: str = ""
    """What passwords in etcd and NATS are made of."""

    def at(self, name: str) -> str:
        """Return the address that was given to ``name``."""
        return f"{LOOPBACK}:{self.ports[name]}"

    @property
    def admin_token(self) -> Path:
        """The bearer token of those who may change the mesh."""
        return self.state / "admin.token"

    @property
    def sealing_key(self) -> Path:
        """What TLS secrets of gateways are sealed with."""
        return self.state / "secrets.key"

    @property
    def audit(self) -> Path:
        """Galley's record of every write."""
        return self.state / "audit.jsonl"

    @property
    def roots(self) -> Path:
        """Citadel's root bundle."""
        return self.state / "citadel" / "root-cert.pem"

    @property
    def bus_configuration(self) -> Path:
        """What NATS is started with."""
        return self.state / "accounts" / "nats.conf"

    def ledger_password(self, service: str) -> Path:
        """Return where the password of a service's user in etcd is put."""
        return self.state / "accounts" / service

    def bus(self, service: str) -> str:
        """Return where a service finds the bell, with its password."""
        word = password(self.secret, service)
        return f"nats://{service}:{word}@{self.at('nats')}"

    def token(self, proxy: str) -> Path:
        """Return where the workload token of ``proxy`` is put."""
        return self.state / "tokens" / proxy

    def run(self, proxy: str) -> Path:
        """Return the folder of a proxy's sockets and credential."""
        return self.state / "run" / proxy
