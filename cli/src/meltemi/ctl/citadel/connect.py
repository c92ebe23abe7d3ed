"""Finding Citadel's administration, here or elsewhere. It speaks Galley's JSON."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from meltemi.ctl.galley.client import Galley, failed
from meltemi.ctl.galley.connect import elsewhere, running

if TYPE_CHECKING:
    from pathlib import Path

CITADEL: Final = "MELTEMI_CITADEL"
"""Its URL, where it is not the local mesh's."""


def citadel(state: Path) -> Galley:
    """Return the administration that the environment names, or the local mesh's.

    Raises:
        NoMeshError: If no mesh is up.
        BadCredentialError: If the token cannot be read, or would travel in the clear.

    """
    environ = os.environ  # noqa: TID251 - the CLI is where the user's shell ends
    if environ.get(CITADEL):
        return elsewhere(environ[CITADEL], environ)
    _, layout = running(state)
    secret = layout.admin_token.read_text(encoding="utf-8").strip()
    return Galley(f"http://{layout.at('citadel')}", secret)


def ask(server: Galley, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON that ``server`` answers; end the command where it refuses."""
    answer = server.send(method, path, body)
    if not answer.ok:
        raise failed(answer)
    return answer.body
