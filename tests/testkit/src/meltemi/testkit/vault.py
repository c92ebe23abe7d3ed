"""A real Vault server for tests, from nothing to a PKI that Citadel can use."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.vault.call import (
    Answer,
    Call,
    Connection,
    Fields,
    Sessions,
    VaultUnreachableError,
)
from meltemi.citadel.vault.login import AppRole
from meltemi.citadel.vault.pki import Engine
from meltemi.citadel.vault.setup import Setup
from meltemi.testkit.processes import (
    POLL_SECONDS,
    READY_SECONDS,
    Program,
    accepts,
    free_port,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Image:
    """The image that pytest's ``--vault-image`` names, if any."""

    chosen: str = ""


IMAGE = Image()
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
    """Run a Vault, initialised and unsealed, as a process or in the chosen image."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vault-")))
        starting = _contained if IMAGE.chosen else _process
        vault = Vault(stack.enter_context(starting(folder, storage)), "", "")
        wish: Fields = {"secret_shares": 1, "secret_threshold": 1}
        made = vault.ask("put", "sys/init", wish)
        assert isinstance(made.document, dict)
        vault.key = str(made.document["keys_base64"][0])
        vault.token = str(made.document["root_token"])
        vault.unseal()
        yield vault


@contextlib.contextmanager
def _process(folder: Path, storage: str) -> Iterator[str]:
    """Run the server on loopback, ended by pid; yield its URL."""
    argv, port = vault_binary(), free_port()
    file = _configured(folder, storage, f"127.0.0.1:{port}")
    program = Program([*argv, str(file)], lambda: accepts(port), folder / "log")
    with running(program):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _contained(folder: Path, storage: str) -> Iterator[str]:
    """Run the chosen image, ended with the context; yield its URL."""
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 - slow
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - slow

    testcontainers_config.ryuk_disabled = True  # it is an image to be fetched
    file = _configured(folder, storage, "0.0.0.0:8200")
    folder.chmod(0o755)
    ours = IMAGE.chosen.startswith("meltemi/")
    container = (
        DockerContainer(IMAGE.chosen)
        .with_command("-config /vault.hcl" if ours else "server -config=/vault.hcl")
        .with_volume_mapping(str(file), "/vault.hcl", "ro")
        .with_env("SKIP_SETCAP", "1")
        .with_exposed_ports(8200)
    )
    with container:
        url = f"http://127.0.0.1:{container.get_exposed_port(8200)}"
        deadline = time.perf_counter() + READY_SECONDS
        while not _responds(url):
            assert time.perf_counter() < deadline, container.get_logs()
            time.sleep(POLL_SECONDS)
        yield url


def _responds(url: str) -> bool:
    call = Call("wait", "get", "sys/seal-status")
    with contextlib.suppress(VaultUnreachableError):
        return Sessions(Connection((url,))).perform(call, url, "").ok
    return False


def _configured(folder: Path, storage: str, address: str) -> Path:
    """Write the server's configuration; return the file."""
    file = folder / "vault.hcl"
    path = f'path = "{folder}/data"' if storage == "file" else ""
    text = CONFIGURATION.format(storage=storage, path=path, address=address)
    file.write_text(text)
    return file
