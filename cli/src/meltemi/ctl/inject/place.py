"""Where the mesh is that sidecars join, and what they join it with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.credentials.invitation import Invitation
from meltemi.ctl.citadel import workload_token
from meltemi.ctl.galley.text import UnreadableInputError
from meltemi.ctl.inject.reading import folder_of, give_to_owner
from meltemi.ctl.local.record import write_private
from meltemi.ctl.workload.invited import invited
from meltemi.identity.wire import InvalidMessageError
from meltemi.injector.agent import GALLEY_CA, Mesh
from meltemi.injector.agent import ROOTS as ROOTS_THERE
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.injector.compose.pod import Instance
    from meltemi.injector.sidecar import Sidecar

PROXY_ID: Final = 1337
"""User and group that proxies run as in their containers."""
READABLE: Final = 0o644
OTHERS: Final = 0o077
ROOTS: Final = "roots.pem"
AUTHORITY: Final = "galley.pem"


class OpenFolderError(MeshError):
    """A folder for secrets is open to others."""

    code = "inject.open-folder"
    blame = Blame.CALLER


def invitation_of(where: str, ca: str) -> Invitation:
    """Return what Galley tells those who join: asked at a URL, or read from a file.

    Raises:
        UnreadableInputError: If there is no such file.
        InvalidMessageError: If it holds something else.
        MeshError: As `invited` does.

    """
    if "://" in where:
        return invited(where, ca)
    try:
        return Invitation.read(json.loads(Path(where).read_bytes()))
    except OSError as error:
        raise UnreadableInputError(f"{where}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidMessageError(f"{where}: no JSON: {error}") from None


def mesh_of(invitation: Invitation | None, galley: str, *, is_apart: bool) -> Mesh:
    """Return where the mesh is; without an invitation it is the compose mesh's.

    Where Galley ``is_apart`` it is believed by an authority of its own.
    """
    believed = GALLEY_CA if is_apart else ROOTS_THERE
    if invitation is None:
        return Mesh(galley=galley, galley_ca=believed)
    return Mesh(
        invitation.trust_domain,
        invitation.citadel_bootstrap,
        invitation.citadel_renewal,
        invitation.pilots,
        galley,
        believed,
    )


def make_tokens(
    folder: Path,
    instances: Iterable[tuple[Instance, Sidecar]],
    state: Path,
    seconds: int,
) -> int:
    """Write a token for each workload into ``folder``; return how many.

    They are good for more than one certificate: a proxy's container forgets its own
    when it starts again.
    """
    number = 0
    for instance, sidecar in instances:
        wish: dict[str, object] = {
            "namespace": sidecar.workload.namespace,
            "service_account": sidecar.workload.account,
            "ttl_seconds": seconds,
            "once": False,
        }
        secret = workload_token.create(state, wish)
        hand_over(folder / f"{instance.name}.token", f"{secret}\n".encode())
        number += 1
    return number


def write_roots(folder: Path, invitation: Invitation) -> None:
    """Write whom proxies believe at the mesh's doors."""
    hand_over(folder / ROOTS, "".join(invitation.roots).encode())


def authority_of(path: str) -> bytes:
    """Return the certificates in the file that Galley is to be believed by.

    Raises:
        UnreadableInputError: If there is no such file.

    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnreadableInputError(f"{path}: {error.strerror}") from None


def hand_over(path: Path, content: bytes) -> None:
    """Write a file for the proxy's user, and for nobody else of this machine.

    Root gives it to that user, with mode 0600, in a folder of who owns the one above,
    so that they can take it away. Nobody else can: there it is readable,
    and the folder, which must be its owner's alone, keeps others out.

    Raises:
        OpenFolderError: If it does not.

    """
    is_root = os.geteuid() == 0
    folder = path.parent
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        give_to_owner(folder)
    if not is_root and folder.stat().st_mode & OTHERS:
        raise OpenFolderError(
            f"{folder} is open to others, and tokens in it would be, too: name a new "
            f"one, or chmod 700 {folder}"
        )
    write_private(path, content)
    if is_root:
        os.chown(path, PROXY_ID, PROXY_ID)
    else:
        path.chmod(READABLE)


def named(folder: Path, output: str) -> str:
    """Return ``folder`` as a compose file written to ``output`` names it."""
    return f"./{os.path.relpath(folder, folder_of(output))}"
