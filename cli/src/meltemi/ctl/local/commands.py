"""``meltemi up``, ``down``, ``status``, ``kill`` and ``start``."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from meltemi.ctl.galley.client import Galley, failed
from meltemi.ctl.galley.connect import SERVER, connect
from meltemi.ctl.local.capturing import Capture, choose_capture
from meltemi.ctl.local.elsewhere import parts_elsewhere
from meltemi.ctl.local.interrupts import interrupts, locked
from meltemi.ctl.local.mesh import LocalMesh, Wish, purge
from meltemi.ctl.local.part import Part
from meltemi.ctl.local.pods.trial import trouble
from meltemi.ctl.local.record import Captured, read_record
from meltemi.ctl.local.summary import (
    Health,
    capture_line,
    next_lines,
    source_lines,
    status_json,
    status_table,
    synced_line,
    tracing_line,
    up_lines,
    urls_of,
    vault_line,
)
from meltemi.ctl.local.teardown import end_all, stay
from meltemi.ctl.local.tools import find_tools, find_vault
from meltemi.ctl.local.tracing import Collector, collector
from meltemi.ctl.local.up import bring_up, mtls_mode, sources, start_parts
from meltemi.ctl.local.web import is_ready
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption, default_state
from meltemi.kernel.clock import SystemClock

Parts = Annotated[list[str], typer.Argument(metavar="PART...")]


local = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.registered_commands += local.registered_commands


DemoOption = Annotated[
    bool, typer.Option("--demo", help="With the bookinfo applications.")
]
CaptureOption = Annotated[
    Capture, typer.Option(help="How traffic gets into the proxies.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        exists=True, file_okay=False, help="A folder of YAML to keep in force."
    ),
]
VaultOption = Annotated[
    bool, typer.Option("--vault", help="With a Vault server behind Citadel.")
]
VaultBinaryOption = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Its program, vault or vaultd."),
]
TracingOption = Annotated[
    Collector | None,
    typer.Option(
        parser=collector,
        metavar="HOST:PORT",
        help="Proxies tell spans to this collector (OTLP over gRPC).",
    ),
]
ForegroundOption = Annotated[
    bool, typer.Option("--foreground", help="Stay, and end it with Ctrl-C.")
]


@local.command()
def up(  # noqa: PLR0913 - Typer reads the signature
    *,
    state: StateOption,
    demo: DemoOption = False,
    capture: CaptureOption = Capture.AUTO,
    config: ConfigOption = None,
    vault: VaultOption = False,
    vault_binary: VaultBinaryOption = None,
    tracing: TracingOption = None,
    foreground: ForegroundOption = False,
) -> None:
    """Start a mesh on this machine and return when it is ready."""
    clock = SystemClock()
    begun = clock.monotonic()
    tools = find_tools()
    with interrupts() as interrupt:
        with locked(state):
            chosen = choose_capture(capture, read_record(state), trouble, demo=demo)
            wish = Wish(demo, chosen, vault_of(vault_binary, wanted=vault))
            mesh = LocalMesh.prepare(state, tools, environment(), wish=wish)
            mesh.choose_config(config)
            synced = bring_up(mesh, interrupt, tracing)
        demo = mesh.record.demo
        typer.echo("\n".join(up_lines(mesh.layout, tools.versions, demo=demo)))
        if mesh.record.vault:
            typer.echo(vault_line(mesh.layout))
        if tracing:
            typer.echo(tracing_line(str(tracing)))
        if demo:
            typer.echo(capture_line(mesh.record.capture))
        if synced:
            seconds = clock.monotonic() - begun
            typer.echo(synced_line(synced, mtls_mode(mesh), seconds))
        command = "meltemi" if state == default_state() else f"meltemi --state {state}"
        lines = next_lines(mesh.layout, demo=demo, command=command)
        typer.echo("\n".join(lines))
        for folder in source_lines(sources(mesh.layout)):
            typer.echo(folder, err=True)
        if foreground:
            stay(state, interrupt)


def vault_of(named: Path | None, *, wanted: bool) -> str:
    """Return the Vault server's program, or nothing where none is ``wanted``."""
    if named is None and not wanted:
        return ""
    return find_vault(named, environment().get("PATH", ""))


@local.command()
def down(
    *,
    state: StateOption,
    purge_files: Annotated[
        bool, typer.Option("--purge", help="Remove its data too.")
    ] = False,
) -> None:
    """End the mesh: no process, socket or port stays."""
    if not state.exists():
        typer.echo(f"no mesh in {state}")
        return
    with interrupts():
        typer.echo(f"ended {end_all(state)} parts")
        if purge_files:
            with locked(state):
                purge(state)
            typer.echo(f"removed the data in {state}")


@local.command()
def status(
    *,
    state: StateOption,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell what runs, where, and how it is."""
    if environment().get(SERVER):
        found, urls, capture, folders = _elsewhere(connect(state))
    else:
        found, urls, capture, folders = _here(state)
    if output is not Output.TABLE:
        show(status_json(found, urls, capture) | {"sources": folders}, output, ())
    elif found:
        typer.echo("\n".join([status_table(found, urls), *source_lines(folders)]))
    else:
        typer.echo(f"no mesh is up in {state}: run meltemi up --demo")


Found = tuple[list[Health], Mapping[str, str], Captured | None, list[Any]]
"""Parts, the addresses a person needs, how traffic is captured, folders in force."""


def _here(state: Path) -> Found:
    record = read_record(state)
    if record is None or not record.parts:
        return [], {}, Captured(), []
    mesh = LocalMesh(state, record, find_tools(), environment())
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(lambda part: health(mesh, part), mesh.parts))
    urls = urls_of(mesh.layout, demo=record.demo)
    return found, urls, record.capture, sources(mesh.layout)


def _elsewhere(galley: Galley) -> Found:
    ready, rows, folders = map(
        galley.get, ("/readyz", "/api/v1/proxies", "/api/v1/sources")
    )
    for each in (rows, folders):
        if not each.ok:
            raise failed(each)
    found = list(parts_elsewhere(galley.url, rows.body, ready=ready.ok))
    return found, {"galley": galley.url}, None, list(folders.body["items"])


def health(mesh: LocalMesh, part: Part) -> Health:
    """Return how ``part`` is: alive, and ready by its own word."""
    running = mesh.running(part)
    if running is None:
        return Health(part, None, healthy=False)
    return Health(part, running.pid, healthy=is_ready(part.ready))


@local.command()
def kill(names: Parts, *, state: StateOption) -> None:
    """SIGKILL parts of the running mesh, to watch it survive."""
    with interrupts(), locked(state):
        mesh = LocalMesh.existing(state, find_tools(), environment())
        killed = mesh.kill(select(mesh, names))
    typer.echo("\n".join(f"killed {part.name}" for part in killed))


@local.command()
def start(names: Parts, *, state: StateOption) -> None:
    """Start parts again, with the same addresses and data."""
    with interrupts() as interrupt, locked(state):
        mesh = LocalMesh.existing(state, find_tools(), environment())
        chosen = select(mesh, names)
        started = start_parts(
            mesh, chosen, interrupt, lambda part: typer.echo(f"started {part.name}")
        )
        for part in chosen:
            if part not in started:
                typer.echo(f"{part.name} runs already")


def select(mesh: LocalMesh, names: list[str]) -> list[Part]:
    """Return the parts called ``names``.

    Raises:
        typer.BadParameter: If one is not a part of this mesh.

    """
    known = {part.name: part for part in mesh.parts}
    strange = [name for name in names if name not in known]
    if strange:
        raise typer.BadParameter(
            f"{', '.join(strange)} is not a part of this mesh: {', '.join(known)}"
        )
    return [known[name] for name in names]


def environment() -> Mapping[str, str]:
    """Return the user's environment, which parts inherit some of."""
    return dict(os.environ)  # noqa: TID251 - the CLI is where the user's shell ends
