"""``meltemi capture``: the rules by which an application's traffic meets its proxy."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from meltemi.proxy.adapters.netfilter import Backend, Netfilter, tcp_sockets
from meltemi.proxy.capture.guard import spared, ssh_ports
from meltemi.proxy.capture.options import PROXY_ID, CaptureOptions, Inbound

captures = typer.Typer(
    help="How an application's traffic meets its proxy.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(captures, name="capture")


@dataclass(frozen=True)
class Wish:
    """What a command is to work on."""

    options: CaptureOptions
    filter: Netfilter
    dry_run: bool


def _words(metavar: str, help_: str) -> object:
    return typer.Option(metavar=metavar, help=f"{help_} Several with commas.")


BackendOption = Annotated[
    Backend | None, typer.Option(help="Whose rules; what is there, if not said.")
]
ModeOption = Annotated[Inbound, typer.Option(help="How connections come in.")]
InPorts = Annotated[str, _words("PORTS", "Ports to capture, * for all.")]
NotInPorts = Annotated[str, _words("PORTS", "Ports to leave alone.")]
OutPorts = Annotated[str, _words("PORTS", "Ports to capture at any address.")]
NotOutPorts = Annotated[str, _words("PORTS", "Ports never to capture.")]
OutRanges = Annotated[str, _words("CIDRS", "Addresses to capture, * for all.")]
NotOutRanges = Annotated[str, _words("CIDRS", "Addresses never to capture.")]
Groups = Annotated[str, _words("GIDS", "Groups to capture, * for all.")]
NotGroups = Annotated[str, _words("GIDS", "Groups never to capture.")]
NotInterfaces = Annotated[str, _words("NAMES", "Interfaces to leave alone.")]
Virtual = Annotated[str, _words("NAMES", "Interfaces of machines behind this one.")]
Uids = Annotated[str, _words("UIDS", "Users whose traffic is the proxy's own.")]
Gids = Annotated[str, _words("GIDS", "Groups whose traffic is the proxy's own.")]
Mark = Annotated[
    int | None, typer.Option(help="The mark on the proxy's sockets, instead of users.")
]
Dns = Annotated[bool, typer.Option("--dns", help="DNS goes to the agent.")]
Servers = Annotated[str, _words("ADDRESSES", "Only DNS that goes to these.")]
DropInvalid = Annotated[
    bool, typer.Option("--drop-invalid", help="Drop invalid packets.")
]
CaptureSsh = Annotated[
    bool, typer.Option("--capture-ssh", help="Capture the port SSH comes in by, too.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")
]


def _with_options(act: Callable[[Wish], None]) -> Callable[..., None]:
    """Return ``act`` as a command that takes every option of the capture."""

    def command(  # noqa: PLR0913 - Typer reads the signature
        *,
        backend: BackendOption = None,
        inbound_mode: ModeOption = Inbound.REDIRECT,
        inbound_ports: InPorts = "*",
        exclude_inbound_ports: NotInPorts = "",
        outbound_ports: OutPorts = "",
        exclude_outbound_ports: NotOutPorts = "",
        outbound_ranges: OutRanges = "*",
        exclude_outbound_ranges: NotOutRanges = "",
        groups: Groups = "*",
        exclude_groups: NotGroups = "",
        exclude_interfaces: NotInterfaces = "",
        virtual_interfaces: Virtual = "",
        proxy_uid: Uids = str(PROXY_ID),
        proxy_gid: Gids = str(PROXY_ID),
        proxy_mark: Mark = None,
        dns: Dns = False,
        dns_servers: Servers = "",
        drop_invalid: DropInvalid = False,
        capture_ssh: CaptureSsh = False,
        dry_run: DryRun = False,
    ) -> None:
        marked = proxy_mark is not None
        options = CaptureOptions(
            uids=() if marked else _numbers("--proxy-uid", proxy_uid),
            gids=() if marked else _numbers("--proxy-gid", proxy_gid),
            mark=proxy_mark,
            inbound=inbound_mode,
            inbound_ports=_list(inbound_ports),
            inbound_exclude=_list(exclude_inbound_ports),
            outbound_ports=_list(outbound_ports),
            outbound_exclude=_list(exclude_outbound_ports),
            outbound_ranges=_list(outbound_ranges),
            outbound_ranges_exclude=_list(exclude_outbound_ranges),
            groups=_list(groups),
            groups_exclude=_list(exclude_groups),
            interfaces_exclude=_list(exclude_interfaces),
            virtual_interfaces=_list(virtual_interfaces),
            dns=dns,
            dns_servers=_list(dns_servers),
            drop_invalid=drop_invalid,
        )
        if not capture_ssh:
            options = spared(options, _ssh())
        act(Wish(options, Netfilter(backend), dry_run))

    command.__doc__ = act.__doc__
    return command


def plan(wish: Wish) -> None:
    """Print the rules, as the packet filter's program takes them."""
    typer.echo(wish.filter.text(wish.options), nl=False)


def apply(wish: Wish) -> None:
    """Set the rules; rules of ours that are there are replaced."""
    if wish.dry_run:
        plan(wish)
        return
    wish.filter.apply(wish.options)
    typer.echo(f"captured with {wish.filter.backend}: see meltemi capture verify")
    if spare := set(map(str, _ssh())) & set(wish.options.inbound_exclude):
        typer.echo(f"left alone for SSH: port {', '.join(sorted(spare))}")


def verify(wish: Wish) -> None:
    """Tell whether the rules of these options are there, complete and unchanged."""
    wrong = wish.filter.missing(wish.options)
    if wrong:
        typer.echo("\n".join(wrong), err=True)
        typer.echo("run meltemi capture apply with the same options", err=True)
        raise typer.Exit(1)
    typer.echo(f"captured with {wish.filter.backend}, as asked")


def clean(wish: Wish) -> None:
    """Take all rules of ours away; those of others stay as they are."""
    if wish.dry_run:
        typer.echo(wish.filter.undoing(wish.options), nl=False)
        return
    wish.filter.clean(wish.options)
    typer.echo("nothing is captured")


for each in (plan, apply, verify, clean):
    captures.command(each.__name__)(_with_options(each))


def _ssh() -> tuple[int, ...]:
    return ssh_ports(os.environ, tcp_sockets())  # noqa: TID251 - here it is read


def _list(words: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in words.split(",") if each.strip())


def _numbers(option: str, words: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in _list(words))
    except ValueError:
        raise typer.BadParameter(
            f"{words!r} found, expected numbers with commas", param_hint=option
        ) from None
