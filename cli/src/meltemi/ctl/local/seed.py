"""The first configuration of a mesh: what is there already is left alone."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from meltemi.ctl.local.web import ask, fetch
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.ctl.galley.client import Galley

CREATED, CONFLICT = 201, 409


class SeedError(MeshError):
    """Galley did not take an object."""

    code = "local.seed-refused"
    blame = Blame.CALLER


def demo_objects() -> Iterator[Any]:
    """Yield the objects of the demo."""
    folder = files("meltemi.ctl.demo") / "mesh"
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        yield from yaml.safe_load_all(file.read_text(encoding="utf-8"))


def plural(kind: str) -> str:
    """Return the plural of ``kind`` as it stands in URLs.

    Source:
        Kubernetes' ``UnsafeGuessKindToResource``, with "gateways" spelled right.

    """
    name = kind.lower()
    if name.endswith("s"):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"


def path_of(found: Mapping[str, Any]) -> str:
    """Return where Galley has objects of the kind and the namespace of ``found``."""
    space = found["metadata"].get("namespace", "default")
    return f"/apis/{found['apiVersion']}/namespaces/{space}/{plural(found['kind'])}"


def seed(galley: Galley, objects: Iterable[Any]) -> int:
    """Create those of ``objects`` that do not exist; return how many were new.

    Raises:
        SeedError: If Galley refuses one, with Galley's words.

    """
    created = 0
    for each in objects:
        answer = galley.send("POST", path_of(each), json.dumps(each).encode())
        if answer.status not in (CREATED, CONFLICT):
            raise SeedError(
                f"{each['kind']}/{each['metadata']['name']}: Galley answers "
                f"{answer.status}: {str(answer.body)[:2000]}"
            )
        created += answer.status == CREATED
    return created


def newest_revision(galley: str, kinds: Iterable[tuple[str, str]]) -> int:
    """Return the highest revision among the objects of ``kinds``."""
    newest = 0
    for version, kind in kinds:
        found = fetch(f"http://{galley}/apis/{version}/{plural(kind)}")
        for each in (found or {}).get("items", ()):
            newest = max(newest, int(each["metadata"]["resourceVersion"]))
    return newest


def workload_token(
    citadel: str, admin: str, namespace: str, account: str
) -> str | None:
    """Return a one-time token for the first certificate of a workload.

    None when Citadel is away: a proxy that has a certificate needs no token.
    """
    body = {"namespace": namespace, "service_account": account, "ttl_seconds": 600}
    url = f"http://{citadel}/v1/ca/tokens"
    status, answer = ask("POST", url, body=body, token=admin)
    if status not in (200, CREATED):
        return None
    found = json.loads(answer)
    return str(found["token"])
