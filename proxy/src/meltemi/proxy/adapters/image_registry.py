"""A registry of images, asked for one of them.

Source:
    OCI distribution specification 1.1, "Pulling".

"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.proxy.adapters.module_web import AUTHORIZATION, Taking, ask
from meltemi.proxy.wasm.manifest import ACCEPT, MANIFEST_BYTES
from meltemi.proxy.wasm.registry_login import challenge, token_in
from meltemi.runtime.guarded_fetch import FetchFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.proxy.adapters.module_web import Page
    from meltemi.proxy.wasm.reference import ImageReference
    from meltemi.proxy.wasm.registry_login import Login
    from meltemi.runtime.guarded_fetch import Guard

UNAUTHORIZED: Final = 401
OK: Final = 200


class ImageRegistry:
    """The registry of ``image``, which may ask who we are."""

    def __init__(
        self, image: ImageReference, guard: Guard, login: Login | None
    ) -> None:
        scheme = "http" if guard.plain else "https"
        self._url = f"{scheme}://{image.registry}/v2/{image.repository}"
        self._scope = f"repository:{image.repository}:pull"
        self._guard, self._login = guard, login
        self._authorization = ""

    async def manifest(self, reference: str) -> bytes:
        """Return the manifest of a tag or a digest; raise as `ask` does."""
        url = f"{self._url}/manifests/{reference}"
        return (await self._get(url, ACCEPT, Taking(MANIFEST_BYTES))).body

    async def blob(
        self, digest: str, limit: int, into: Callable[[bytes], object]
    ) -> None:
        """Give at most ``limit`` bytes under ``digest`` to ``into``, unchecked."""
        await self._get(f"{self._url}/blobs/{digest}", "*/*", Taking(limit, into))

    async def _get(self, url: str, accept: str, taking: Taking) -> Page:
        page = await self._ask(url, accept, taking)
        if page.status == UNAUTHORIZED and not self._authorization:
            await self._log_in(page.headers.get("www-authenticate", ""))
            page = await self._ask(url, accept, taking)
        if page.status != OK:
            words = page.body[:200].decode(errors="replace").strip()
            why = f"{page.url} answered with {page.status}, not 200"
            raise FetchFailedError(f"{why}: {words}" if words else why)
        return page

    async def _ask(self, url: str, accept: str, taking: Taking) -> Page:
        headers = {"accept": accept}
        if self._authorization:
            headers[AUTHORIZATION] = self._authorization
        return await ask(url, self._guard, headers, taking)

    async def _log_in(self, wanted: str) -> None:
        found = challenge(wanted, self._scope, plain=self._guard.plain)
        proof = {AUTHORIZATION: self._login.header} if self._login else {}
        if found.basic:
            self._authorization = proof.get(AUTHORIZATION, "")
            return
        page = await ask(found.token_url, self._guard, proof)
        if page.status != OK:
            why = "no token" if self._login else "no token, and there is no pull secret"
            raise FetchFailedError(f"{page.url} answered with {page.status}: {why}")
        self._authorization = f"Bearer {token_in(page.body)}"
