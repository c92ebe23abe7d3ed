"""Every object of a mesh, as its Galley shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meltemi.config.kinds import KINDS
from meltemi.ctl.galley.client import failed
from meltemi.ctl.galley.target import Target, selecting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.config.kinds import Kind
    from meltemi.ctl.galley.client import Galley


def objects(
    galley: Galley,
    kinds: Sequence[Kind] = KINDS,
    *,
    namespace: str = "",
    selector: str = "",
) -> Iterator[dict[str, Any]]:
    """Yield the objects of ``kinds`` in a namespace, or in all of them.

    Raises:
        typer.Exit: If Galley does not show them; why was printed.

    """
    for kind in kinds:
        answer = galley.get(Target(kind, namespace).path + selecting(selector))
        if not answer.ok:
            raise failed(answer)
        yield from answer.body["items"]
