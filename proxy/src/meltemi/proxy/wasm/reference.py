"""Names of images, as people write them.

Source:
    OCI distribution specification 1.1, "Pulling manifests", for repositories, tags and
    digests; Docker's habits for what is left out (docker.io, library/, latest).

"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from meltemi.proxy.wasm.failure import ModuleRefusedError

SCHEME: Final = "oci://"
HUB: Final = "docker.io"
HUB_SERVER: Final = "registry-1.docker.io"
LATEST: Final = "latest"
LONGEST: Final = 255
HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9a-fA-F:.]+\](:\d{1,5})?")
REPOSITORY: Final = re.compile(
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
)
TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image, spelled out.

    Attributes:
        registry: The server's host, with its port if one was written.
        repository: The image's path there.
        tag: What it is called; not looked at where there is a digest.
        digest: ``sha256:HEX`` of its manifest; empty: not said.

    """

    registry: str
    repository: str
    tag: str
    digest: str = ""

    @property
    def asked(self) -> str:
        """What to ask the registry for."""
        return self.digest or self.tag

    @property
    def moves(self) -> bool:
        """Whether its tag is one that everybody expects to move."""
        return not self.digest and self.tag == LATEST


def image_reference(text: str) -> ImageReference:
    """Return the image that ``text`` names, with or without ``oci://``.

    Raises:
        ModuleRefusedError: If it is no reference.

    """
    path, _, digest = text.removeprefix(SCHEME).partition("@")
    path, tag = _tagged(path)
    registry, repository = _placed(path)
    checks = (
        (HOST, registry, "a registry"),
        (REPOSITORY, repository, "a repository"),
        (TAG, tag or LATEST, "a tag"),
        (DIGEST, digest or f"sha256:{'0' * 64}", "a digest (sha256:HEX)"),
    )
    for rule, part, what in checks:
        if len(part) > LONGEST or not rule.fullmatch(part):
            raise ModuleRefusedError(
                f"{text[:LONGEST]!r} is no image: {part[:80]!r} is not {what}; "
                "write oci://HOST/PATH:TAG or oci://HOST/PATH@sha256:HEX"
            )
    return ImageReference(registry, repository, tag or LATEST, digest)


def _tagged(path: str) -> tuple[str, str]:
    """Part a tag from the path: a colon before the last slash is a port's."""
    before, colon, tag = path.rpartition(":")
    if not colon or "/" in tag:
        return path, ""
    return before, tag


def _placed(path: str) -> tuple[str, str]:
    """Return the registry's host, and the path there."""
    first, slash, rest = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, repository = first, rest
    else:
        registry, repository = HUB, path
    if registry in (HUB, f"index.{HUB}"):
        repository = repository if "/" in repository else f"library/{repository}"
        registry = HUB_SERVER
    return registry, repository
