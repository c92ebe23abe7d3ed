"""How a mesh elsewhere is, of which no process is ours: what its Galley tells. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meltemi.ctl.local.part import Part, Stage
from meltemi.ctl.local.summary import Health

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def parts_elsewhere(
    url: str, rows: Sequence[Mapping[str, Any]], *, ready: bool
) -> Iterator[Health]:
    """Yield Galley, the Pilots that have proxies, and every proxy.

    A proxy is healthy that is connected, refuses nothing, and is not behind another.
    ``rows`` are those of ``meltemi ps``.
    """
    yield _health("galley", {"https": url}, Stage.SERVICES, healthy=ready)
    serving: dict[str, bool] = {}
    for row in rows:
        pilot = str(row["pilot"])
        serving[pilot] = serving.get(pilot, False) or bool(row["connected"])
    for pilot in sorted(serving):
        yield _health(pilot, {}, Stage.SERVICES, healthy=serving[pilot])
    newest = max((_revision(row) for row in rows), default=0)
    for row in rows:
        refuses = any(each["error"] for each in row["types"].values())
        current = row["connected"] and _revision(row) >= newest and not refuses
        yield _health(str(row["proxy"]), {}, Stage.PROXIES, healthy=bool(current))


def _revision(row: Mapping[str, Any]) -> int:
    return int(row["revision"] or 0)


def _health(
    name: str, addresses: Mapping[str, str], stage: Stage, *, healthy: bool
) -> Health:
    part = Part(name, (), {}, addresses, "", "", stage)
    return Health(part, None, healthy=healthy)
