"""Opening the local mesh's Vault: initialised once, unsealed and set up each time.

Its unseal key and root token lie in a file beside its data, for the owner alone. That
guards nothing from whoever has the folder, and is for trying things out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.citadel.vault.call import Answer, Call, Connection, Fields, Sessions
from meltemi.citadel.vault.pki import Engine
from meltemi.citadel.vault.setup import Setup
from meltemi.ctl.local.plan import TRUST_DOMAIN
from meltemi.ctl.local.record import write_private
from meltemi.ctl.local.vault import VAULT, folder
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.ctl.local.layout import Layout


class VaultNotOpenError(MeshError):
    """The local mesh's Vault cannot be initialised or unsealed."""

    code = "local.vault-not-open"
    blame = Blame.PEER


class Keys(msgspec.Struct, frozen=True):
    """What opens a Vault, as its initialisation answers it."""

    keys_base64: list[str]
    root_token: str


class _SealStatus(msgspec.Struct, frozen=True):
    initialized: bool
    sealed: bool


def open_local_vault(layout: Layout) -> None:
    """Open the Vault of a mesh in one folder; raise as `open_vault`."""
    own = folder(layout)
    open_vault(Connection((f"http://{layout.at(VAULT)}",)), own, own)


def open_vault(there: Connection, kept: Path, credentials: Path) -> None:
    """Make a running Vault ready for Citadel: the PKI and a way to log in.

    Args:
        there: Where it is: one server.
        kept: The folder for its unseal key and root token.
        credentials: The folder for Citadel's role id and secret id.

    Raises:
        VaultNotOpenError: If it does not open.
        MeshError: If it cannot be set up.

    """
    keys_file = kept / "keys.json"
    status = msgspec.convert(_ask(there, "get", "seal-status").document, _SealStatus)
    if not status.initialized:
        wish: Fields = {"secret_shares": 1, "secret_threshold": 1}
        made = msgspec.convert(_ask(there, "put", "init", wish).document, Keys)
        write_private(keys_file, msgspec.json.encode(made))
    keys = _read_keys(keys_file)
    if status.sealed:
        _ask(there, "put", "unseal", {"key": keys.keys_base64[0]})
    setup = Setup(there, keys.root_token, Engine(), TRUST_DOMAIN)
    list(setup.apply())
    if not (credentials / "secret-id").exists():
        write_credentials(credentials, setup)


def write_credentials(directory: Path, setup: Setup) -> None:
    """Put a role id and a new secret id into ``directory``, for its owner alone."""
    made = setup.credentials()
    write_private(directory / "role-id", f"{made.role_id}\n".encode())
    write_private(directory / "secret-id", f"{made.secret_id}\n".encode())


def _read_keys(path: Path) -> Keys:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Keys)
    except (OSError, msgspec.DecodeError) as error:
        raise VaultNotOpenError(
            f"{path}: {type(error).__name__}: without its keys this Vault stays "
            "sealed; meltemi down --purge begins anew"
        ) from None


def _ask(
    there: Connection, method: str, path: str, fields: Fields | None = None
) -> Answer:
    call = Call(path, method, f"sys/{path}", fields)
    answer = Sessions(there).perform(call, there.addresses[0], "")
    if not answer.ok:
        raise VaultNotOpenError(f"{path}: Vault answered {answer.status}")
    return answer
