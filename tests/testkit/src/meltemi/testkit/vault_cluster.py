"""Three real Vault servers that hold one state by raft: a leader and two standbys."""

from __future__ import annotations

import contextlib
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from meltemi.testkit.processes import (
    POLL_SECONDS,
    READY_SECONDS,
    NotReadyError,
    Program,
    accepts,
    free_port,
    running,
)
from meltemi.testkit.vault import Vault, vault_binary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIGURATION = """
storage "raft" {{
  path                   = "{folder}/data"
  node_id                = "{name}"
  performance_multiplier = 1
  {join}
}}
listener "tcp" {{
  address         = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{peer_port}"
  tls_disable     = true
}}
api_addr      = "http://127.0.0.1:{port}"
cluster_addr  = "https://127.0.0.1:{peer_port}"
disable_mlock = true
"""
ACTIVE, STANDBY = 200, 429
"""What ``sys/health`` answers with."""


@dataclass
class VaultCluster:
    """A leader and its standbys, each of which can be killed."""

    members: list[Vault] = field(default_factory=list[Vault])
    programs: dict[str, Program] = field(default_factory=dict[str, Program])

    @property
    def leader(self) -> Vault:
        """The member that is active."""
        return self._with_health(ACTIVE)[0]

    @property
    def standbys(self) -> list[Vault]:
        """The members that hand on what they are asked."""
        return self._with_health(STANDBY)

    def kill(self, member: Vault) -> None:
        """End a member with SIGKILL."""
        self.members.remove(member)
        self.programs[member.url].kill()

    def _with_health(self, status: int) -> list[Vault]:
        return [
            each
            for each in self.members
            if each.ask("get", "sys/health").status == status
        ]


@contextlib.contextmanager
def vault_cluster() -> Iterator[VaultCluster]:
    """Run three servers, unsealed, each with a vote, so that one may be lost."""
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="vaults-"))
        )
        cluster = VaultCluster()
        for name in ("first", "second", "third"):
            join = cluster.members[0].url if cluster.members else ""
            program, url = _member(folder / name, join)
            cluster.programs[url] = stack.enter_context(running(program))
            if not cluster.members:
                cluster.members.append(_founded(url))
                continue
            founder = cluster.members[0]
            member = Vault(url, founder.token, founder.key)
            _wait(partial(_unsealed, member), program)
            cluster.members.append(member)
        _wait(lambda: _all_vote(cluster.members[0]), program)
        yield cluster


def _member(folder: Path, join: str) -> tuple[Program, str]:
    """Return a server that is to join the one at the URL ``join``, and its own URL."""
    (folder / "data").mkdir(parents=True)
    argv, port = vault_binary(), free_port()
    text = CONFIGURATION.format(
        folder=folder,
        name=folder.name,
        port=port,
        peer_port=free_port(),
        join=f'retry_join {{ leader_api_addr = "{join}" }}' if join else "",
    )
    (folder / "vault.hcl").write_text(text)
    command = [*argv, str(folder / "vault.hcl")]
    program = Program(command, lambda: accepts(port), folder / "log")
    return program, f"http://127.0.0.1:{port}"


def _founded(url: str) -> Vault:
    """Initialise the first server; let those who join vote after a second."""
    vault = Vault(url, "", "")
    made = vault.ask("put", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
    assert isinstance(made.document, dict)
    vault.key = str(made.document["keys_base64"][0])
    vault.token = str(made.document["root_token"])
    vault.unseal()
    settings = "sys/storage/raft/autopilot/configuration"
    wait = {"server_stabilization_time": "1s"}
    deadline = time.perf_counter() + READY_SECONDS
    while not vault.ask("post", settings, dict(wait)).ok:  # until it leads itself
        if time.perf_counter() > deadline:
            raise NotReadyError(f"{url} does not lead")
        time.sleep(POLL_SECONDS)
    return vault


def _unsealed(member: Vault) -> bool:
    """Give the key once more; whether the member has joined and taken it."""
    member.ask("put", "sys/unseal", {"key": member.key})
    return member.ask("get", "sys/health").status == STANDBY


def _all_vote(founder: Vault) -> bool:
    answer = founder.ask("get", "sys/storage/raft/configuration").document
    assert isinstance(answer, dict)
    servers = answer["data"]["config"]["servers"]
    return len(servers) == 3 and all(each["voter"] for each in servers)


def _wait(holds: Callable[[], bool], program: Program) -> None:
    deadline = time.perf_counter() + READY_SECONDS
    while not holds():
        if time.perf_counter() > deadline:
            raise NotReadyError(program.log.read_text(errors="replace")[-2000:])
        time.sleep(POLL_SECONDS)
