"""``meltemi vault``: a Vault made ready to stand behind Citadel."""

from pathlib import Path
from typing import Annotated

import typer

vaults = typer.Typer(help="Vault behind Citadel.", no_args_is_help=True)


@vaults.callback()
def behind() -> None:
    """Make Vault ready to stand behind Citadel."""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(vaults, name="vault")


AddressOption = Annotated[
    str, typer.Option(metavar="URL", help="The active server of Vault.")
]
TokenFileOption = Annotated[
    Path, typer.Option(metavar="FILE", help="An operator's token.")
]
RootsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Roots to believe it by."),
]
CredentialsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Put a role id and a new secret id for Citadel here."
    ),
]


@vaults.command()
def setup(  # noqa: PLR0913 - Typer reads the signature
    *,
    address: AddressOption,
    token_file: TokenFileOption,
    ca: RootsOption = None,
    namespace: Annotated[str, typer.Option(help="Its namespace, if it has any.")] = "",
    mount: Annotated[str, typer.Option(help="Path of the PKI engine.")] = "pki",
    issuer: Annotated[str, typer.Option(help="The issuer that signs.")] = "default",
    trust_domain: Annotated[
        str, typer.Option(help="The mesh's trust domain.")
    ] = "cluster.local",
    credentials: CredentialsOption = None,
) -> None:
    """Bring up PKI engine, root, roles, policy and AppRole; twice changes nothing.

    A root or an issuer that is there already is used as it is.
    """
    from meltemi.citadel.vault.call import Connection  # noqa: PLC0415 - heavy
    from meltemi.citadel.vault.login import secret  # noqa: PLC0415 - heavy
    from meltemi.citadel.vault.pki import Engine  # noqa: PLC0415 - heavy
    from meltemi.citadel.vault.setup import Setup  # noqa: PLC0415 - heavy
    from meltemi.ctl.local.vault_keys import write_credentials  # noqa: PLC0415 - heavy

    work = Setup(
        Connection((address.rstrip("/"),), str(ca or ""), namespace),
        secret(token_file),
        Engine(mount, issuer),
        trust_domain,
    )
    for step in work.apply():
        typer.echo(f"{'made' if step.changed else 'kept'}  {step.what}")
    if credentials is not None:
        write_credentials(credentials, work)
        typer.echo(f"wrote {credentials / 'role-id'} and {credentials / 'secret-id'}")
