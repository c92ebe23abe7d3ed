"""Calls to Galley, with the workload's own certificate as proof."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

import httpx2

from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.workload_proof import sign_proof

if TYPE_CHECKING:
    from collections.abc import Collection

    from meltemi.credentials.keeper import Keeper
    from meltemi.kernel.clock import Clock
    from meltemi.proxy.settings import AgentSettings

AUDIENCE: Final = "meltemi-galley"
TIMEOUT_SECONDS: Final = 3.0
JSON: Final = "application/json"


class RegistrationError(MeshError):
    """Galley did not take what the workload says, or does not answer."""

    code = "agent.registration"
    blame = Blame.PEER


class GalleyDoor:
    """The Galley of one workload."""

    def __init__(self, settings: AgentSettings, keeper: Keeper, clock: Clock) -> None:
        self._settings, self._keeper, self._clock = settings, keeper, clock

    async def proven(self) -> None:
        """Return once there is a certificate to prove who we are."""
        await self._keeper.arrived.wait()

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        fine: Collection[int] = (),
    ) -> httpx2.Response:
        """Return what Galley answers, if that is a success or in ``fine``.

        Raises:
            RegistrationError: If it is not, or nobody answers who is believed.

        """
        told = {"content-type": JSON, **(headers or {})}
        told["authorization"] = f"Bearer {self._proof()}"
        url = f"{self._settings.galley_url}".rstrip("/") + path
        try:
            async with httpx2.AsyncClient(
                timeout=TIMEOUT_SECONDS, trust_env=False, verify=self._believed()
            ) as http:
                answer = await http.request(method, url, content=body, headers=told)
        except httpx2.HTTPError as error:
            raise RegistrationError(f"Galley: {method} {url}: {error!r}") from error
        except OSError as error:
            raise RegistrationError(
                f"{self._settings.galley_ca_file}: no roots to believe Galley by: "
                f"{error}"
            ) from error
        if answer.is_error and answer.status_code not in fine:
            raise RegistrationError(
                f"Galley: {method} {url}: {answer.status_code} {answer.text[:300]}"
            )
        return answer

    def _proof(self) -> str:
        held = self._keeper.held
        if held is None:
            raise RegistrationError("no certificate to prove who we are")
        return sign_proof(
            held.key, held.chain, audience=AUDIENCE, now=self._clock.now()
        )

    def _believed(self) -> ssl.SSLContext | bool:
        """Return whose certificates are believed, as the file is now."""
        if not self._settings.galley_is_secured:
            return True
        return ssl.create_default_context(cafile=self._settings.galley_ca_file)
