"""Workload tokens in the volumes of those who need one, and the roots beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from meltemi.ctl.containers.places import CA, ROOTS, TOKEN
from meltemi.ctl.galley.client import problem_lines
from meltemi.ctl.local.record import write_private
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from meltemi.ctl.containers.places import Newcomer
    from meltemi.ctl.galley.client import Galley

LIFETIME = 86_400
"""Seconds a token is good for, the longest there is: a proxy that starts at any time
between two rounds finds one that is."""


class NoTokenError(MeshError):
    """Citadel does not make a token."""

    code = "containers.no-token"
    blame = Blame.PEER


def write_tokens(
    citadel: Galley, folder: Path, newcomers: Iterable[Newcomer], readers: Iterable[str]
) -> None:
    """Write a token and Citadel's roots for all ``newcomers``, roots for ``readers``.

    A newcomer finds beside them whom to believe Galley by.

    Raises:
        NoTokenError: If Citadel refuses, with its words.
        GalleyUnreachableError: If it does not answer.

    """
    roots = str(_asked(citadel, "GET", "/v1/ca/bundle")).encode()
    servers = (folder / "galley" / CA).read_bytes()
    for name in readers:
        write_private(folder / name / ROOTS, roots)
    for each in newcomers:
        wish = {
            "namespace": each.namespace,
            "service_account": each.account,
            "ttl_seconds": LIFETIME,
            "once": False,  # a container begins anew with an empty folder
        }
        told = _asked(citadel, "POST", "/v1/ca/tokens", wish)
        write_private(folder / each.name / CA, servers)
        write_private(folder / each.name / ROOTS, roots)
        write_private(folder / each.name / TOKEN, f"{told['token']}\n".encode())


def _asked(citadel: Galley, method: str, path: str, wish: object = None) -> Any:  # noqa: ANN401 - JSON
    body = None if wish is None else json.dumps(wish).encode()
    answer = citadel.send(method, path, body)
    if not answer.ok:
        raise NoTokenError("; ".join(problem_lines(answer.body)))
    return answer.body
