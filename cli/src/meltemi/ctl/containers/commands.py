"""``meltemi containers``: what the jobs of a mesh in containers run."""

import time
from pathlib import Path
from typing import Annotated

import typer

from meltemi.ctl.containers.keys import OWN, write_keys
from meltemi.ctl.containers.places import ADMIN, CA, MOUNTED, PLACES, Newcomer
from meltemi.ctl.containers.tokens import write_tokens
from meltemi.ctl.galley.client import Galley
from meltemi.ctl.local.admission import lock_ledger, read_secret
from meltemi.ctl.local.plan import MESH
from meltemi.ctl.local.seed import demo_objects, seed
from meltemi.kernel.clock import SystemClock

ROUND_SECONDS = 3600.0
"""A token is good for a day: a round that fails leaves time for others."""
SEALED_SECONDS = 10.0
"""How often it is seen whether a Vault has started anew, and is sealed."""

jobs = typer.Typer(
    help="The jobs of a mesh in containers: docker-compose.yml runs them.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(jobs, name="containers")


FolderOption = Annotated[
    Path, typer.Option(metavar="DIR", help="Where the services' volumes are.")
]
ToldOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Made when it is done first.")
]
VOLUMES = Path(MOUNTED)


@jobs.command()
def keys(
    *,
    folder: FolderOption = VOLUMES,
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name that Galley is reached by."),
    ] = None,
) -> None:
    """Give every service its certificate, passwords and keys; twice changes nothing."""
    for line in write_keys(folder, host or (), now=SystemClock().now()):
        typer.echo(line)


@jobs.command()
def accounts(
    *,
    folder: FolderOption = VOLUMES,
    etcd: Annotated[
        str, typer.Option(metavar="URL", help="A member of etcd.")
    ] = "https://etcd:2379",
) -> None:
    """Make the users of etcd, and have it ask for them; twice changes nothing."""
    ledger = Galley(etcd, ca=str(folder / OWN / CA))
    lock_ledger(ledger, read_secret(folder / OWN), MESH)
    typer.echo(f"{etcd} asks who comes")


@jobs.command()
def tokens(
    newcomers: Annotated[
        list[str], typer.Argument(metavar="NAME=NAMESPACE/ACCOUNT...")
    ],
    *,
    folder: FolderOption = VOLUMES,
    citadel: Annotated[
        str, typer.Option(metavar="URL", help="Citadel's administration.")
    ] = "http://127.0.0.1:15016",
    told: ToldOption = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Write new ones every hour, until ended.")
    ] = False,
) -> None:
    """Write a workload token for each, and whom to believe Citadel by."""
    wanted = [_newcomer(each) for each in newcomers]
    while True:
        admin = (folder / "citadel" / ADMIN).read_text(encoding="ascii").strip()
        readers = [each.name for each in PLACES if each.name == "galley"]
        write_tokens(Galley(citadel, admin), folder, wanted, readers)
        typer.echo(f"wrote {len(wanted)} tokens")
        if told is not None:
            told.touch()
        if not keep:
            return
        time.sleep(ROUND_SECONDS)


@jobs.command()
def vault(
    *,
    folder: FolderOption = VOLUMES,
    address: Annotated[
        str, typer.Option(metavar="URL", help="The server.")
    ] = "https://vault:8200",
    told: ToldOption = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Open it again whenever it is sealed.")
    ] = False,
) -> None:
    """Initialise, unseal and set up the Vault behind Citadel; twice changes nothing."""
    from meltemi.citadel.vault.call import Connection  # noqa: PLC0415 - heavy
    from meltemi.ctl.local.vault_keys import open_vault  # noqa: PLC0415 - heavy

    there = Connection((address,), str(folder / OWN / CA))
    while True:
        open_vault(there, folder / "vault-opener", folder / "citadel")
        if told is not None and not told.exists():
            typer.echo("open, and set up")
            told.touch()
        if not keep:
            return
        time.sleep(SEALED_SECONDS)


@jobs.command()
def demo(
    *,
    folder: FolderOption = VOLUMES,
    galley: Annotated[
        str, typer.Option(metavar="URL", help="Galley.")
    ] = "https://galley:15443",
) -> None:
    """Give Galley the demo's objects, where it has none of the name."""
    admin = (folder / ADMIN).read_text(encoding="ascii").strip()
    made = seed(Galley(galley, admin, str(folder / CA)), demo_objects())
    typer.echo(f"{made} objects are new")


def _newcomer(text: str) -> Newcomer:
    try:
        return Newcomer.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
