"""How the workload's group has it asked if it is well, read from Galley."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from meltemi.config.probe_text import read_probe
from meltemi.proxy.adapters.galley_door import GalleyDoor, RegistrationError
from meltemi.proxy.entry import group_path
from meltemi.proxy.health.probe import admitted

if TYPE_CHECKING:
    from meltemi.config.schema.workload_group import ReadinessProbe
    from meltemi.proxy.settings import AgentSettings


class _Spec(msgspec.Struct, frozen=True):
    probe: dict[str, object] | None = None


class _Group(msgspec.Struct, frozen=True):
    spec: _Spec = _Spec()


class GroupProbe:
    """What the workload's group says of how it is asked."""

    def __init__(self, settings: AgentSettings, door: GalleyDoor) -> None:
        self._settings, self._door = settings, door

    async def read(self) -> ReadinessProbe | None:
        """Return the probe; None where there is no group, or it has none.

        Raises:
            RegistrationError: If Galley does not tell.
            ValueError: If it is one that this machine does not make for others.

        """
        await self._door.proven()
        path = group_path(self._settings)
        answer = await self._door.call("GET", path, fine={HTTPStatus.NOT_FOUND})
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        try:
            found = msgspec.json.decode(answer.content, type=_Group).spec.probe
        except msgspec.DecodeError as error:
            raise RegistrationError(f"Galley: {path}: {error}") from error
        if found is None:
            return None
        if self._settings.application_netns:
            raise ValueError("the application is in a namespace that is not ours")
        return admitted(read_probe(found), self._settings.instance_ip)
