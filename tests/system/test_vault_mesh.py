"""A mesh whose root is Vault's: ``meltemi up --vault``, with real Envoys."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import httpx2
import psutil
import pytest

from meltemi.identity.certificate import parse_chain
from meltemi.testkit.up import Load, Up, demo, eventually
from meltemi.testkit.vault import vault_binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.vault, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def mesh() -> Iterator[Up]:
    with demo("--vault", f"--vault-binary={vault_binary()[0]}") as up:
        yield up


def test_the_meshs_root_is_vaults_and_its_secrets_are_the_owners(mesh: Up) -> None:
    url = mesh.address("vault", "http")
    root = parse_chain(httpx2.get(f"http://{url}/v1/pki/ca/pem").content)
    bundle = parse_chain((mesh.state / "citadel" / "root-cert.pem").read_bytes())
    assert bundle == root
    for file in (mesh.state / "vault").glob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_without_vault_traffic_goes_on_and_workloads_join(mesh: Up) -> None:
    with Load(mesh.url("app")) as load:
        mesh.do("kill", "vault")
        mesh.do("kill", "ratings-v1")
        mesh.do("start", "ratings-v1")
        mesh.do("wait", "gateway/bookinfo-gateway", "--for=distribution")
    assert load.seen["200"] > 0
    assert not [each for each in load.seen if each != "200"], load.seen
    mesh.do("start", "vault")


def test_vault_and_citadel_come_back_to_the_same_root(mesh: Up) -> None:
    bundle = mesh.state / "citadel" / "root-cert.pem"
    before = bundle.read_bytes()
    mesh.do("kill", "vault", "citadel")
    mesh.do("start", "vault", "citadel")
    eventually(
        lambda: mesh.status()["citadel"]["healthy"], seconds=20, what="Citadel signs"
    )
    assert bundle.read_bytes() == before
    assert mesh.do("token", "create", "--ns", "default", "--sa", "new")


def test_up_again_changes_nothing_and_keeps_vault(mesh: Up) -> None:
    pids = {name: each["pid"] for name, each in mesh.status().items()}
    assert "vault" in mesh.do("up")
    assert {name: each["pid"] for name, each in mesh.status().items()} == pids
    assert psutil.pid_exists(pids["vault"])


def test_a_mesh_with_a_root_of_its_own_is_not_moved_to_vault(tmp_path: Path) -> None:
    (tmp_path / "citadel").mkdir()
    found = Up(tmp_path).run("up", f"--vault-binary={vault_binary()[0]}")
    assert found.returncode == 65
    assert "purge" in found.stderr
