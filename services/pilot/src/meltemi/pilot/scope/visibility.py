"""Who may see an object: ``exportTo``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def visible(export_to: Sequence[str], home: str, viewer: str) -> bool:
    """Tell whether an object of namespace ``home`` can be seen from ``viewer``.

    ``*`` is everyone, ``.`` its own namespace, ``~`` nobody, a name that namespace;
    nothing at all is everyone (MeshConfig's default).
    """
    if not export_to:
        return True
    return any(
        word in ("*", viewer) or (word == "." and home == viewer) for word in export_to
    )
