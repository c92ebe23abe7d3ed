"""A real Vault server for tests, from nothing to a PKI that Citadel can use."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.vault.call import Answer, Call, Connection, Fields, Sessions
from meltemi.citadel.vault.login import AppRole
from meltemi.citadel.vault.pki import Engine
from meltemi.citadel.vault.setup import Setup
from meltemi.testkit.processes import Program, accepts, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUST_DOMAIN = "cluster.local"
REPOSITORY = Path(__file__).parents[5]
CONFIGURATION = """
storage "{storage}" {{ {path} }}
listener "tcp" {{
  address     = "{address}"
  tls_disable = true
}}
api_addr      = "http://{address}"
disable_mlock = true
"""


def vault_command() -> list[str] | None:
    """Return the command that runs a server, before its configuration file."""
    built = REPOSITORY / ".tools" / "bin" / "vaultd"
    if built.exists():
        return [str(built), "-config"]
    found = shutil.which("vault")
    return [found, "server", "-config"] if found else None


def vault_binary() -> list[str]:
    """Return `vault_command`, or skip the test where there is none."""
    found = vault_command()
    if found is None:
        pytest.skip("no Vault server: make toolbox, where Go is installed")
    return found


@dataclass
class Vault:
    """A server that is initialised and unsealed, and the keys to it."""

    program: Program
    url: str
    token: str
    key: str

    def ask(
        self, method: str, path: str, fields: Fields | None = None, token: str = ""
    ) -> Answer:
        """Make one call as the operator, or with another ``token``."""
        call = Call("test", method, path, fields)
        sessions = Sessions(Connection((self.url,)))
        return sessions.perform(call, self.url, token or self.token)

    def seal(self) -> None:
        assert self.ask("put", "sys/seal").ok

    def unseal(self) -> None:
        assert self.ask("put", "sys/unseal", {"key": self.key}).ok

    def set_up(self, folder: Path, engine: Engine | None = None) -> AppRole:
        """Give it the PKI that Citadel needs; return how Citadel logs in."""
        setup = Setup(
            Connection((self.url,)), self.token, engine or Engine(), TRUST_DOMAIN
        )
        list(setup.apply())
        made = setup.credentials()
        role, secret = folder / "role-id", folder / "secret-id"
        role.write_text(made.role_id)
        secret.write_text(made.secret_id)
        return AppRole(role, secret)


@contextlib.contextmanager
def vault_server(*, storage: str = "inmem") -> Iterator[Vault]:
    """Run a Vault on loopback, initialised and unsealed, ended by pid."""
    argv = vault_binary()
    with tempfile.TemporaryDirectory(prefix="vault-") as folder:
        port = free_port()
        file = Path(folder) / "vault.hcl"
        path = f'path = "{folder}/data"' if storage == "file" else ""
        file.write_text(
            CONFIGURATION.format(
                storage=storage, path=path, address=f"127.0.0.1:{port}"
            )
        )
        program = Program(
            [*argv, str(file)], lambda: accepts(port), Path(folder) / "log"
        )
        with running(program):
            vault = Vault(program, f"http://127.0.0.1:{port}", "", "")
            made = vault.ask(
                "put", "sys/init", {"secret_shares": 1, "secret_threshold": 1}
            )
            assert isinstance(made.document, dict)
            vault.key = str(made.document["keys_base64"][0])
            vault.token = str(made.document["root_token"])
            vault.unseal()
            yield vault
