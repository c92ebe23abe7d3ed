"""Vault as a part of the local mesh, and Citadel before it. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meltemi.ctl.local.part import Part, Stage

if TYPE_CHECKING:
    from meltemi.ctl.local.layout import Layout

VAULT = "vault"
FULL_SERVER = "vault"
"""The name of upstream's program, whose server is a sub-command."""


def vault(layout: Layout, binary: str) -> Part:
    """Return the server. It is ready when it answers, sealed or not."""
    name, address = Path(binary).name, layout.at(VAULT)
    server = ("server",) if name == FULL_SERVER else ()
    return Part(
        name=VAULT,
        argv=(binary, *server, "-config", str(configuration_file(layout))),
        environ={},
        addresses={"http": address},
        ready=f"http://{address}/v1/sys/health?uninitcode=200&sealedcode=200",
        version=name,
        stage=Stage.SERVERS,
    )


def configuration_file(layout: Layout) -> Path:
    """Return where the server's configuration is put."""
    return folder(layout) / "vault.hcl"


def folder(layout: Layout) -> Path:
    """Return where everything of Vault's is kept."""
    return layout.state / VAULT


def configuration(layout: Layout) -> str:
    """Return the server's configuration: files for storage, loopback, no TLS."""
    address = layout.at(VAULT)
    return f"""\
storage "file" {{
  path = "{folder(layout) / "data"}"
}}
listener "tcp" {{
  address     = "{address}"
  tls_disable = true
}}
api_addr      = "http://{address}"
disable_mlock = true
"""


def citadel_settings(layout: Layout) -> dict[str, str]:
    """Return what has Citadel sign below this Vault."""
    return {
        "CITADEL_SIGNER": "vault-intermediate",
        "CITADEL_VAULT_ADDRESSES": f"http://{layout.at(VAULT)}",
        "CITADEL_VAULT_ROLE_ID_FILE": str(folder(layout) / "role-id"),
        "CITADEL_VAULT_SECRET_ID_FILE": str(folder(layout) / "secret-id"),
    }
