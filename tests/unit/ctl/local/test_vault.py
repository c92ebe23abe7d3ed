from __future__ import annotations

from pathlib import Path

import pytest

from meltemi.ctl.local.layout import Layout, Tools
from meltemi.ctl.local.part import Part, Stage
from meltemi.ctl.local.plan import plan, port_names
from meltemi.ctl.local.tools import MissingToolError, find_vault
from meltemi.ctl.local.vault import configuration

TOOLS = Tools(
    "/python", "/etcd", "/nats", dict.fromkeys(("etcd", "nats", "envoy", "meltemi"), "")
)
NAMES = port_names(demo=False, with_vault=True)
LAYOUT = Layout(Path("/state"), {name: 20_000 + n for n, name in enumerate(NAMES)}, "e")


def parts(binary: str) -> dict[str, Part]:
    found = plan(LAYOUT, TOOLS, demo=False, vault_binary=binary)
    return {part.name: part for part in found}


@pytest.mark.parametrize(
    ("binary", "words"),
    [("/opt/vaultd", ("-config",)), ("/opt/vault", ("server", "-config"))],
)
def test_vault_is_a_server_of_the_mesh_and_citadel_signs_below_it(
    binary: str, words: tuple[str, ...]
) -> None:
    found = parts(binary)
    vault, citadel = found["vault"], found["citadel"]
    assert vault.argv == (binary, *words, "/state/vault/vault.hcl")
    assert vault.stage is Stage.SERVERS
    assert citadel.environ["CITADEL_SIGNER"] == "vault-intermediate"
    assert citadel.environ["CITADEL_VAULT_ADDRESSES"] == (
        f"http://{vault.addresses['http']}"
    )
    assert vault.addresses["http"] in configuration(LAYOUT)


def test_without_vault_there_is_none_and_citadel_signs_itself() -> None:
    found = parts("")
    assert "vault" not in found
    assert "CITADEL_SIGNER" not in found["citadel"].environ
    assert set(NAMES) - set(port_names(demo=False)) == {"vault"}


def test_a_vault_is_the_one_named_or_the_first_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))
    with pytest.raises(MissingToolError, match="make toolbox"):
        find_vault(None, "")
    there = tmp_path / "vault"
    there.touch(0o755)
    assert find_vault(None, str(tmp_path)) == str(there)
    built = tmp_path / ".tools" / "bin" / "vaultd"
    built.parent.mkdir(parents=True)
    built.touch(0o755)
    assert find_vault(None, str(tmp_path)) == str(built)
    assert find_vault(there, "") == str(there)
