"""The running mesh: its configuration from Galley, its proxies from their Envoys."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import typer

from meltemi.config.decode import decode
from meltemi.ctl.galley.connect import SERVER, connect, running
from meltemi.ctl.galley.objects import objects
from meltemi.ctl.galley.text import texts
from meltemi.ctl.lens.world import World, stored, written
from meltemi.ctl.local.web import fetch
from meltemi.ctl.output import DEFAULT_NAMESPACE
from meltemi.pilot.ir import Locality
from meltemi.pilot.scope.proxy import Proxy, proxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

AT_ONCE = 8
"""Envoys that are asked at a time."""
ADMIN = ".admin"
NODE = "/config_dump?mask=bootstrap.node"
GALLEY = "galley"
"""What objects of the running mesh are said to be read from."""


def spelled_or_running(
    files: Sequence[str], *, state: Path, namespace: str, recursive: bool = False
) -> World:
    """Return the mesh that ``files`` spell, or without any the one that runs.

    Raises:
        InvalidConfigError: With the problems of all files.
        NoMeshError: If no file is named, and no mesh is up.

    """
    if files:
        return written(texts(files, recursive=recursive), namespace=namespace)
    resources = [
        each
        for found in objects(connect(state))
        for each in decode(
            json.dumps(found).encode(),
            file=GALLEY,
            default_namespace=DEFAULT_NAMESPACE,
        )
    ]
    return stored(resources, _nodes(state))


def _nodes(state: Path) -> dict[str, Proxy]:
    """Return the local mesh's proxies, by name, as they describe themselves to Pilot.

    Of a mesh elsewhere nobody can say: its workloads count as captured sidecars.
    """
    if os.environ.get(SERVER):  # noqa: TID251 - where connect looks
        return {}
    _, layout = running(state)
    names = [port.removesuffix(ADMIN) for port in layout.ports if port.endswith(ADMIN)]
    urls = [f"http://{layout.at(name + ADMIN)}{NODE}" for name in names]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        dumps = dict(zip(names, pool.map(fetch, urls), strict=True))
    for name, dump in dumps.items():
        if dump is None:
            note = f"note: the Envoy of {name} does not answer, and counts as captured"
            typer.echo(note, err=True)
    found = (proxy_in(dump) for dump in dumps.values() if dump is not None)
    return {each.name: each for each in found}


def proxy_in(dump: Mapping[str, Any]) -> Proxy:
    """Return who an Envoy says it is in its configuration dump.

    Raises:
        InvalidNodeError: If Pilot would not know either.

    """
    node = next(_bootstraps(dump))["node"]
    place = node.get("locality", {})
    words = (place.get(name, "") for name in ("region", "zone", "sub_zone"))
    return proxy(node["id"], node.get("metadata", {}), Locality(*words))


def _bootstraps(dump: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (each["bootstrap"] for each in dump["configs"] if "bootstrap" in each)
