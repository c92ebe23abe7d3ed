"""Finding the local mesh's Citadel. It speaks the same JSON as Galley."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meltemi.ctl.galley.client import Galley, failed
from meltemi.ctl.galley.connect import running

if TYPE_CHECKING:
    from pathlib import Path


def citadel(state: Path) -> Galley:
    """Return the administration of the Citadel that runs in ``state``.

    Raises:
        NoMeshError: If there is no mesh.

    """
    _, layout = running(state)
    secret = layout.admin_token.read_text(encoding="utf-8").strip()
    return Galley(f"http://{layout.at('citadel')}", secret)


def ask(server: Galley, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON that ``server`` answers; end the command where it refuses."""
    answer = server.send(method, path, body)
    if not answer.ok:
        raise failed(answer)
    return answer.body
