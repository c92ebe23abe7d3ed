"""What an image consists of, and which part of it is the module.

Source:
    OCI image specification 1.1 (image index and manifest); for the layers, solo-io's
    Wasm image specification, both variants, and the CNCF's Wasm OCI artifact layout.

"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec

from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.reference import DIGEST

MANIFEST_BYTES: Final = 4 * 1024 * 1024
OCI: Final = "application/vnd.oci.image."
DOCKER: Final = "application/vnd.docker.distribution.manifest."
INDEXES: Final = (f"{OCI}index.v1+json", f"{DOCKER}list.v2+json")
MANIFESTS: Final = (f"{OCI}manifest.v1+json", f"{DOCKER}v2+json")
ACCEPT: Final = ", ".join((*MANIFESTS, *INDEXES))
MODULES: Final = frozenset(
    ("application/vnd.module.wasm.content.layer.v1+wasm", "application/wasm")
)
"""Layers that are the module itself."""
ARCHIVES: Final = frozenset(
    (
        f"{OCI}layer.v1.tar+gzip",
        f"{OCI}layer.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    )
)
"""Layers that have it as the file plugin.wasm."""


class Platform(msgspec.Struct, frozen=True):
    """What a manifest of an index is for."""

    architecture: str = ""
    os: str = ""


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """A descriptor: something the registry has under its digest."""

    digest: str
    size: int = 0
    media_type: str = ""
    platform: Platform | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""
    layers: list[Part] = []
    manifests: list[Part] = []


@dataclass(frozen=True, slots=True)
class Inside:
    """What a manifest leads to: a manifest for this platform, or the module's layer."""

    part: Part
    final: bool


def digest_of(raw: bytes) -> str:
    """Return what ``raw`` is known by in a registry."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def inside(raw: bytes, image: str) -> Inside:
    """Return where to go on from the manifest ``raw`` of ``image``.

    Raises:
        ModuleRefusedError: If it is no manifest, or has no module.

    """
    try:
        found = msgspec.json.decode(raw, type=_Document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ModuleRefusedError(f"{image}: its manifest is none: {error}") from error
    if found.manifests:
        part, final = _for_wasm(found.manifests, image), False
    else:
        part, final = _layer(found.layers, image), True
    if not DIGEST.fullmatch(part.digest):
        why = f"{image}: {part.digest[:80]!r} is no digest, expected sha256:HEX"
        raise ModuleRefusedError(why)
    return Inside(part, final)


def _for_wasm(parts: list[Part], image: str) -> Part:
    """Return the manifest for Wasm, or else the only one, or else linux/amd64's."""
    for each in parts:
        if each.platform and each.platform.architecture == "wasm":
            return each
    if len(parts) == 1:
        return parts[0]
    for each in parts:
        if each.platform == Platform("amd64", "linux"):
            return each
    raise ModuleRefusedError(
        f"{image} is an index of {len(parts)} images, none of them for wasm or "
        "linux/amd64: name one of them by its digest"
    )


def _layer(layers: list[Part], image: str) -> Part:
    """Return the layer that is the module, or else the last if it may have it."""
    for each in layers:
        if each.media_type in MODULES:
            return each
    if layers and layers[-1].media_type in ARCHIVES:
        return layers[-1]
    kinds = ", ".join(sorted({each.media_type[:80] for each in layers})) or "none"
    raise ModuleRefusedError(f"{image} has no module among its layers ({kinds})")
