"""What is known of a request: its logs, and the configuration that is in force."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
import yaml

from meltemi.config.kinds import KIND_BY_NAME
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target
from meltemi.ctl.lens.running import spelled_or_running
from meltemi.ctl.lens.world import written
from meltemi.ctl.output import DEFAULT_NAMESPACE
from meltemi.ctl.report.archive import read_report
from meltemi.ctl.why.asking import Asking, asking
from meltemi.ctl.why.cause import Cause, causes
from meltemi.ctl.why.disagreement import disagreement
from meltemi.ctl.why.refusal import Refusal, met
from meltemi.ctl.why.spans import Side, collector, side
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from meltemi.ctl.lens.world import World
    from meltemi.ctl.why.hop import Hop
    from meltemi.ctl.why.search import Search

CONFIGURATION = "configuration.yaml"
RBAC = "rbac_access_denied"
POLICY = KIND_BY_NAME["AuthorizationPolicy"]


class Account(NamedTuple):
    """What one proxy did, why, and the connection that it was denied."""

    hop: Hop
    causes: tuple[Cause, ...]
    refusal: Refusal | None
    collector: str | None = None
    """``HOST:PORT`` of who is told its span; None: nobody, or nobody knows."""


@dataclass(frozen=True)
class Evidence:
    """Where to look: the local mesh's folder, or a bug report in its place."""

    state: Path
    report: Path | None
    search: Search

    def accounts(self, found: Sequence[Hop]) -> list[Account]:
        """Return what became of each of ``found``, the hops of one request."""
        asked = Asking()
        if any(RBAC in each.details for each in found):
            asked = asking(self._policies())
        refusals = self._refusals(found)
        collectors = self._collectors(found)
        return [
            Account(
                each, causes(each, asked, refusal), refusal, collectors.get(side(each))
            )
            for each, refusal in zip(found, refusals, strict=True)
        ]

    def _collectors(self, found: Sequence[Hop]) -> dict[Side, str]:
        """Return who is told the spans of those of ``found`` that are traced."""
        traced = {side(each): each for each in found if each.trace_id}
        world = self._world if traced else None
        told = (
            {key: collector(world, hop) for key, hop in traced.items()} if world else {}
        )
        return {key: where for key, where in told.items() if where}

    def _refusals(self, found: Sequence[Hop]) -> list[Refusal | None]:
        lost = [each for each in found if each.failed and each.answered_itself]
        ends = {each.upstream_local_address or "" for each in lost} - {""}
        since = min((each.began or 0.0 for each in lost), default=0.0)
        away = self.search.turned_away(ends, since) if ends else []
        servers = [met(each, away) if each in lost else None for each in found]
        world = self._world if any(servers) else None
        return [
            _refusal(world, hop, server) if server else None
            for hop, server in zip(found, servers, strict=True)
        ]

    @cached_property
    def _world(self) -> World | None:
        return world_of(self.state, self.report)

    def _policies(self) -> list[dict[str, Any]]:
        """Return the AuthorizationPolicies; none where nobody tells them."""
        if self.report is None:
            return _policies_of(self.state)
        return _policies_in(self.report)


def world_of(state: Path, report: Path | None) -> World | None:
    """Return the mesh; None where neither Galley nor the report shows it."""
    with contextlib.suppress(MeshError, OSError, typer.Exit):
        if report is None:
            return spelled_or_running((), state=state, namespace=DEFAULT_NAMESPACE)
        text = read_report(report).get(CONFIGURATION, b"")
        return written([(CONFIGURATION, text)], namespace=DEFAULT_NAMESPACE)
    return None


def _refusal(world: World | None, hop: Hop, server: Hop) -> Refusal:
    return disagreement(world, hop, server) if world else Refusal(server)


def _policies_of(state: Path) -> list[dict[str, Any]]:
    try:
        answer = connect(state).get(Target(POLICY, "").path)
    except (MeshError, OSError):
        return []
    return list(answer.body["items"]) if answer.ok else []


def _policies_in(report: Path) -> list[dict[str, Any]]:
    text = read_report(report).get(CONFIGURATION, b"")
    found = (each for each in yaml.safe_load_all(text) if isinstance(each, dict))
    return [each for each in found if each.get("kind") == POLICY.name]
