"""Fetching modules, over HTTP or out of a registry, and checking what came."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Final

from meltemi.proxy.adapters.image_registry import OK, ImageRegistry
from meltemi.proxy.adapters.module_web import Taking, ask, shown
from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.manifest import digest_of, inside
from meltemi.proxy.wasm.reference import image_reference
from meltemi.proxy.wasm.registry_login import login_for
from meltemi.proxy.wasm.unpacking import MODULE_BYTES
from meltemi.runtime.guarded_fetch import FetchFailedError, FetchRefusedError, place

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.proxy.wasm.manifest import Inside
    from meltemi.proxy.wasm.order import ModuleOrder
    from meltemi.proxy.wasm.reference import ImageReference
    from meltemi.proxy.wasm.registry_login import Login
    from meltemi.proxy.wasm.rules import ModuleRules

SECRET_BYTES: Final = 64 * 1024


class _Checked:
    """A file that knows the digest of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def take(self, piece: bytes) -> None:
        self._file.write(piece)
        self._hash.update(piece)

    @property
    def hex(self) -> str:
        return self._hash.hexdigest()


class ModuleSource:
    """Where modules come from."""

    def __init__(self, rules: ModuleRules) -> None:
        self._rules = rules

    async def fetch(self, order: ModuleOrder, into: BinaryIO, known: str) -> str:
        """Write what ``order`` names to ``into``, as it came, and checked.

        Returns the digest of the image that it came from, "" for what is in none. If
        that is ``known`` nothing is written.

        Raises:
            ModuleRefusedError: If it is not what was ordered, or no module.
            FetchRefusedError: If it is nowhere we go.
            FetchFailedError: If its server does not give it.

        """
        if self._rules.pinned and not order.pin:
            raise FetchRefusedError(
                f"{shown(order.url)}: only modules of a known hash are fetched "
                "(AGENT_WASM_PINNED): say its sha256"
            )
        try:
            async with asyncio.timeout(order.seconds):
                if order.is_image:
                    return await self._image(order, into, known)
                await self._file(order, into)
                return ""
        except TimeoutError as error:
            why = f"{shown(order.url)} did not come within {order.seconds:g} s"
            raise FetchFailedError(why) from error

    async def _file(self, order: ModuleOrder, into: BinaryIO) -> None:
        where = place(order.url, plain=True)
        self._rules.check_server(where.host)
        known = order.sha256 or where.authority in self._rules.plain_servers
        if not where.secure and not known:
            raise FetchRefusedError(
                f"{shown(order.url)}: whoever is on the way could write the module; "
                "use https://, or say its sha256"
            )
        guard = replace(self._rules.guard, plain=not where.secure)
        target = _Checked(into)
        taking = Taking(MODULE_BYTES, target.take)
        page = await ask(order.url, guard, {"accept": "*/*"}, taking)
        if page.status != OK:
            raise FetchFailedError(f"{page.url} answered with {page.status}, not 200")
        _check(shown(order.url), order.sha256, (target.hex,))

    async def _image(self, order: ModuleOrder, into: BinaryIO, known: str) -> str:
        image = image_reference(order.url)
        plain = image.registry in self._rules.plain_servers
        guard = replace(self._rules.guard, plain=plain)
        self._rules.check_server(place(f"https://{image.registry}", plain=False).host)
        login = await self._login(order, image)
        registry = ImageRegistry(image, guard, login)
        digests, found = await _resolved(registry, image, order)
        source = digests[-1]
        if source == known:
            return source
        target = _Checked(into)
        await registry.blob(found.part.digest, MODULE_BYTES, target.take)
        _check(f"a layer of {order.url}", found.part.digest[7:], (target.hex,))
        return source

    async def _login(self, order: ModuleOrder, image: ImageReference) -> Login | None:
        if not order.secret:
            return None
        folder = self._rules.secrets
        if folder is None:
            raise ModuleRefusedError(
                f"the pull secret {order.secret!r} is nowhere: AGENT_WASM_PULL_SECRETS "
                "is not set"
            )
        if "/" in order.secret or order.secret in (".", ".."):
            raise ModuleRefusedError(f"{order.secret!r} is no name of a pull secret")
        config = await asyncio.to_thread(_read, folder / order.secret)
        return login_for(image.registry, config)


async def _resolved(
    registry: ImageRegistry, image: ImageReference, order: ModuleOrder
) -> tuple[list[str], Inside]:
    """Return the digests on the way to the module's layer, and the layer."""
    raw = await registry.manifest(image.asked)
    digests = [digest_of(raw)]
    _check(order.url, image.digest, digests)
    found = inside(raw, order.url)
    if not found.final:
        raw = await registry.manifest(found.part.digest)
        digests.append(digest_of(raw))
        _check(f"a manifest of {order.url}", found.part.digest, digests[1:])
        found = inside(raw, order.url)
        if not found.final:
            raise ModuleRefusedError(f"{order.url} is an index of indexes")
    pinned = order.sha256 and f"sha256:{order.sha256}"
    _check(order.url, pinned, digests)
    return digests, found


def _check(what: str, expected: str, found: tuple[str, ...] | list[str]) -> None:
    if expected and expected not in found:
        raise ModuleRefusedError(
            f"{what} is not what was ordered: its SHA-256 is "
            f"{' or '.join(found)}, expected {expected}"
        )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SECRET_BYTES)
    except OSError as error:
        why = f"the pull secret {path.name!r} cannot be read: {error.strerror}"
        raise ModuleRefusedError(why) from error
