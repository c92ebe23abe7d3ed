"""``meltemi up``: stage by stage, and nothing left behind when a stage fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from meltemi.ctl.galley.client import Galley
from meltemi.ctl.local.admission import lock_ledger
from meltemi.ctl.local.part import Stage
from meltemi.ctl.local.plan import MESH
from meltemi.ctl.local.record import write_private
from meltemi.ctl.local.seed import (
    demo_objects,
    newest_revision,
    seed,
    workload_token,
)
from meltemi.ctl.local.summary import Synced
from meltemi.ctl.local.tracing import trace_to
from meltemi.ctl.local.vault import VAULT, configuration, configuration_file
from meltemi.ctl.local.web import OK, ask, fetch
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from meltemi.ctl.local.interrupts import Interrupt
    from meltemi.ctl.local.layout import Layout
    from meltemi.ctl.local.mesh import LocalMesh
    from meltemi.ctl.local.part import Part
    from meltemi.ctl.local.tracing import Collector

SYNC_SECONDS = 30.0
POLL_SECONDS = 0.1
KINDS = (
    ("networking.istio.io/v1", "ServiceEntry"),
    ("networking.istio.io/v1", "WorkloadEntry"),
    ("networking.istio.io/v1", "VirtualService"),
    ("networking.istio.io/v1", "DestinationRule"),
    ("networking.istio.io/v1", "Gateway"),
    ("security.istio.io/v1", "PeerAuthentication"),
    ("mesh.istio.io/v1alpha1", "MeshConfig"),
    ("telemetry.istio.io/v1", "Telemetry"),
)
MTLS = "/apis/security.istio.io/v1/namespaces/istio-system/peerauthentications/default"


class NotSyncedError(MeshError):
    """Every part runs, but the proxies do not hold the newest configuration."""

    code = "local.not-synced"
    blame = Blame.PEER


def bring_up(
    mesh: LocalMesh, interrupt: Interrupt, spans_to: Collector | None = None
) -> Synced | None:
    """Start what does not run and wait until the mesh is whole.

    With ``spans_to`` its proxies tell that collector their spans from then on.

    Returns how the proxies stand, or None for a mesh without any. When it fails or
    is interrupted, everything that this call started is ended again.
    """
    before = {part.name for part in mesh.parts if mesh.running(part)}
    try:
        for stage in Stage:
            parts = [part for part in mesh.parts if part.stage is stage]
            if stage is Stage.PROXIES:
                configure(mesh, spans_to)
            start_parts(mesh, parts, interrupt, _nobody)
        return wait_synced(mesh, interrupt) if mesh.record.demo else None
    except BaseException:
        mesh.end(mesh.record.parts.keys() - before)
        raise


def start_parts(
    mesh: LocalMesh,
    parts: Sequence[Part],
    interrupt: Interrupt,
    tell: Callable[[Part], None],
) -> tuple[Part, ...]:
    """Start those of ``parts`` that do not run, stage by stage; return them.

    A stage is ready, its proxies with tokens and its Vault open, before the next.
    """
    started: list[Part] = []
    for stage in Stage:
        chosen = [part for part in parts if part.stage is stage]
        prepare(mesh, chosen)
        grant(mesh, chosen)
        started += mesh.start(chosen)
        mesh.wait(chosen, interrupt, tell)
        unlock(mesh, chosen)
    return tuple(started)


def prepare(mesh: LocalMesh, parts: Iterable[Part]) -> None:
    """Write what those of ``parts`` read that take a file, before they start."""
    if any(part.name == VAULT for part in parts):
        text = configuration(mesh.layout)
        write_private(configuration_file(mesh.layout), text.encode())


def unlock(mesh: LocalMesh, parts: Iterable[Part]) -> None:
    """Lock the ledger among ``parts``, and open the Vault, which starts sealed."""
    if any(part.name == "etcd" for part in parts):
        etcd = Galley(f"http://{mesh.layout.at('etcd')}")
        lock_ledger(etcd, mesh.layout.secret, MESH)
    if any(part.name == VAULT for part in parts):
        from meltemi.ctl.local.vault_keys import open_local_vault  # noqa: PLC0415 - heavy

        open_local_vault(mesh.layout)


def _nobody(_: Part) -> None:
    """Tell nobody that a part is ready: the whole stage is told of at the end."""


def configure(mesh: LocalMesh, spans_to: Collector | None) -> None:
    """Give Galley the demo's objects, where it has none of the name, and the tracer."""
    galley = Galley(f"http://{mesh.layout.at('galley')}", mesh.admin_token)
    if mesh.record.demo:
        seed(galley, demo_objects())
    if spans_to:
        trace_to(galley, spans_to)


def sources(layout: Layout) -> list[Any]:
    """Return how the folders that Galley keeps in force stand."""
    found = fetch(f"http://{layout.at('galley')}/api/v1/sources") or {}
    return list(found.get("items", ()))


def grant(mesh: LocalMesh, parts: Iterable[Part]) -> None:
    """Write a workload token for each of ``parts`` that is to be started."""
    for part in parts:
        if part.identity is None or mesh.running(part):
            continue
        token = workload_token(
            mesh.layout.at("citadel"),
            mesh.admin_token,
            part.identity.namespace,
            part.identity.service_account,
        )
        if token is not None:
            write_private(mesh.layout.token(part.name), f"{token}\n".encode())


def wait_synced(mesh: LocalMesh, interrupt: Interrupt) -> Synced:
    """Wait until every proxy holds the newest revision and the gateway serves.

    Raises:
        NotSyncedError: If that takes more than 30 s, naming who lags.

    """
    galley = mesh.layout.at("galley")
    wanted = {part.name for part in mesh.parts if part.stage is Stage.PROXIES}
    clock = SystemClock()
    deadline = clock.monotonic() + SYNC_SECONDS
    while True:
        interrupt.check()
        newest = newest_revision(galley, KINDS)
        rows = fetch(f"http://{galley}/api/v1/proxies") or []
        synced = {_name(row) for row in rows if holds(row, newest)}
        if wanted <= synced and serves(mesh):
            return Synced(len(wanted), len(wanted), newest)
        if clock.monotonic() > deadline:
            lagging = sorted(wanted - synced)
            raise NotSyncedError(
                f"after {SYNC_SECONDS:.0f} s not at revision {newest}: "
                f"{', '.join(lagging) or 'none, but the product page is away'}; "
                f"see {mesh.state / 'logs'}"
            )
        time.sleep(POLL_SECONDS)


def _name(row: dict[str, Any]) -> str:
    return str(row["proxy"]).partition(".")[0]


def holds(row: dict[str, Any], revision: int) -> bool:
    """Tell whether a row of ``meltemi ps`` is connected and at ``revision``."""
    return bool(row["connected"]) and int(row["revision"] or 0) >= revision


def serves(mesh: LocalMesh) -> bool:
    """Tell whether the product page answers through the gateway."""
    url = f"http://{mesh.layout.at('gateway')}/productpage"
    return ask("GET", url)[0] == OK


def mtls_mode(mesh: LocalMesh) -> str:
    """Return the mesh-wide mode of mutual TLS, as Galley has it."""
    found = fetch(f"http://{mesh.layout.at('galley')}{MTLS}") or {}
    mode = found.get("spec", {}).get("mtls", {}).get("mode")
    return str(mode or "PERMISSIVE")
