"""Which namespaces there are: those of objects and of proxies, nothing else makes one.

What is shown of a namespace that is not there is empty, and looks like good news: so
who gets nothing of the one that is named asks here.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import typer

from meltemi.config.kinds import KINDS
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target
from meltemi.ctl.output import DEFAULT_NAMESPACE
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from meltemi.ctl.galley.client import Answer, Galley


class UnknownNamespaceError(MeshError):
    """There is nothing in the namespace that was named."""

    code = "galley.unknown-namespace"
    blame = Blame.CALLER


def of_objects(answers: Iterable[Answer]) -> set[str]:
    """Return where there are objects, of lists that Galley gave."""
    items = (item for each in answers if each.ok for item in each.body["items"])
    return {each["metadata"]["namespace"] for each in items}


def expect_namespace(state: Path, namespace: str) -> None:
    """Raise `UnknownNamespaceError` where it is sure that ``namespace`` is not there.

    For commands that tell what runs: of a workload that is not there they say so, too.
    """
    if not namespace:
        return
    try:
        said = strange(connect(state), namespace)
    except (MeshError, OSError):
        return  # nobody can say: the command had its answer from somewhere else
    if said:
        raise UnknownNamespaceError(said)


def note_namespace(galley: Galley, namespace: str) -> None:
    """Say on standard error that ``namespace`` is not there, where that is sure.

    For commands that list objects: that there are none is the answer.
    """
    said = strange(galley, namespace) if namespace else ""
    if said:
        typer.echo(f"note: {said}", err=True)


def strange(galley: Galley, namespace: str) -> str:
    """Return what to say of ``namespace`` if it is not there; empty if it may be.

    Raises:
        GalleyUnreachableError: If nobody answers.

    """
    answers = [galley.get(Target(kind, "").path) for kind in KINDS]
    fleet = galley.get("/api/v1/proxies")
    if not all(each.ok for each in (*answers, fleet)):
        return ""  # who may not see everything cannot say what is not there
    homes = {each["proxy"].rpartition(".")[2] for each in fleet.body}
    known = {DEFAULT_NAMESPACE, *homes, *of_objects(answers)}
    if namespace in known:
        return ""
    near = get_close_matches(namespace, sorted(known), 1)
    hint = f" — did you mean {near[0]!r}?" if near else ""
    others = ", ".join(sorted(known))
    return (
        f"there is no namespace {namespace!r}, but: {others} (those with an object or "
        f"a proxy in them){hint}"
    )
