"""``meltemi capture``: the rules by which an application's traffic meets its proxy."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from meltemi.ctl.capture_words import groups, listed, users
from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.adapters.netfilter import Backend, Netfilter
from meltemi.proxy.adapters.system_sockets import ssh_ports_here, waiting
from meltemi.proxy.capture.complaints import FLAGS
from meltemi.proxy.capture.guard import spared
from meltemi.proxy.capture.limits import ALL, PROXY_ID
from meltemi.proxy.capture.options import CaptureOptions, Inbound
from meltemi.proxy.capture.takers import takers

PROTOCOLS = ("tcp", "udp")


class NobodyTakesError(MeshError):
    """There is no proxy that takes what is to be captured."""

    code = "capture.nobody-listens"
    blame = Blame.CALLER


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
    force: bool = False
    """Set rules also where nobody takes what they capture."""
    ready_file: Path | None = None
    """What to make once the rules are set."""


def _list_option(name: str, default: str | None, metavar: str, help_: str) -> Parameter:
    told = typer.Option(metavar=metavar, help=f"{help_} Several with commas.")
    return _option(name, default, Annotated[str | None, told])


def _option(name: str, default: object, annotation: object) -> Parameter:
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _flag(name: str, help_: str) -> Parameter:
    word = f"--{name.replace('_', '-')}"
    return _option(
        name, default=False, annotation=Annotated[bool, typer.Option(word, help=help_)]
    )


LISTS = {
    flag.removeprefix("--").replace("-", "_"): field for field, flag in FLAGS.items()
}
"""Options to the fields of `CaptureOptions` that are lists of words."""
NAMED = ("groups", "exclude_groups")
"""Those of them that a name may stand in for a number."""

USUAL = f"[{PROXY_ID}]"

TOLD = (
    _option(
        "backend",
        None,
        Annotated[
            Backend | None,
            typer.Option(help="Whose rules; what is there, if not said."),
        ],
    ),
    _option(
        "inbound_mode",
        Inbound.REDIRECT,
        Annotated[Inbound, typer.Option(help="How connections come in.")],
    ),
    _list_option("inbound_ports", "*", "PORTS", "Ports to capture, * for all."),
    _list_option("exclude_inbound_ports", "", "PORTS", "Ports to leave alone."),
    _list_option("outbound_ports", "", "PORTS", "Ports to capture at any address."),
    _list_option("exclude_outbound_ports", "", "PORTS", "Ports never to capture."),
    _list_option("outbound_ranges", "*", "CIDRS", "Addresses to capture, * for all."),
    _list_option("exclude_outbound_ranges", "", "CIDRS", "Addresses never to capture."),
    _list_option("groups", "*", "GIDS", "Groups to capture, * for all."),
    _list_option("exclude_groups", "", "GIDS", "Groups never to capture."),
    _list_option("exclude_interfaces", "", "NAMES", "Interfaces to leave alone."),
    _list_option(
        "virtual_interfaces", "", "NAMES", "Interfaces of machines behind this one."
    ),
    _list_option("proxy_uid", None, "USERS", f"Whose traffic is the proxy's. {USUAL}"),
    _list_option("proxy_gid", None, "GROUPS", f"Whose traffic is the proxy's. {USUAL}"),
    _option(
        "proxy_mark",
        None,
        Annotated[
            int | None,
            typer.Option(help="The mark on the proxy's sockets, instead of users."),
        ],
    ),
    _flag("proxy_outside", "The proxy is in another network namespace."),
    _flag("dns", "DNS goes to the agent."),
    _list_option("dns_servers", "", "ADDRESSES", "Only DNS that goes to these."),
    _flag("drop_invalid", "Drop invalid packets."),
    _flag("capture_ssh", "Capture the port SSH comes in by, too."),
    _flag("dry_run", "Print what would be done, and do nothing."),
)
"""What every command is told: what to capture."""


FORCED = _flag("force", "Set the rules though nobody listens for what they capture.")

HELD = _option(
    "ready_file",
    None,
    Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Make this file once the rules are set."),
    ],
)


def _with_options(act: Callable[[Wish], None], *more: Parameter) -> Callable[..., None]:
    """Return ``act`` as a command that takes every option of the capture."""
    told = (*TOLD, *more)

    def command(**given: Any) -> None:  # noqa: ANN401 - as many types as options
        options = _options(given)
        if not given["capture_ssh"]:
            options = spared(options, _ssh())
        wish = Wish(options, Netfilter(given["backend"]), given["dry_run"])
        act(replace(wish, **{each.name: given[each.name] for each in more}))

    command.__doc__ = act.__doc__
    command.__annotations__ = {each.name: each.annotation for each in told}
    command.__signature__ = Signature(told)  # type: ignore[attr-defined]  # for Typer
    return command


def _options(given: dict[str, Any]) -> CaptureOptions:
    outside, mark = given["proxy_outside"], given["proxy_mark"]
    usual = "" if outside or mark is not None else str(PROXY_ID)
    lists: dict[str, Any] = {LISTS[name]: _listed(name, given[name]) for name in LISTS}
    told = {
        name: usual if given[name] is None else given[name]
        for name in ("proxy_uid", "proxy_gid")
    }
    return CaptureOptions(
        uids=users("--proxy-uid", told["proxy_uid"]),
        gids=groups("--proxy-gid", told["proxy_gid"]),
        mark=mark,
        outside=outside,
        inbound=given["inbound_mode"],
        dns=given["dns"],
        drop_invalid=given["drop_invalid"],
        **lists,
    )


def _listed(name: str, text: str) -> tuple[str, ...]:
    flag = FLAGS[LISTS[name]]
    if name in NAMED and text.strip() != ALL:
        return tuple(map(str, groups(flag, text)))
    return listed(flag, text)


def plan(wish: Wish) -> None:
    """Print the rules, as the packet filter's program takes them."""
    typer.echo(wish.filter.text(wish.options), nl=False)


def apply(wish: Wish) -> None:
    """Set the rules; rules of ours that are there are replaced.

    Refused where nobody listens for what they capture: all of it would fail.
    """
    if wish.dry_run:
        plan(wish)
        return
    if not wish.force:
        _refuse_to_cut_off(wish.options)
    wish.filter.apply(wish.options)
    typer.echo(f"captured with {wish.filter.backend}: see meltemi capture verify")
    if spare := set(map(str, _ssh())) & set(wish.options.inbound_exclude):
        typer.echo(f"left alone for SSH: port {', '.join(sorted(spare))}")


def verify(wish: Wish) -> None:
    """Tell whether the rules of these options are there, complete and unchanged."""
    there = wish.filter.standing()
    wrong = there.missing(wish.options)
    if wrong:
        typer.echo("\n".join(wrong), err=True)
        typer.echo("run meltemi capture apply with the same options", err=True)
        raise typer.Exit(1)
    typer.echo(f"captured with {there.backend}, as asked")


def clean(wish: Wish) -> None:
    """Take all rules of ours away, whoever holds them; those of others stay."""
    if wish.dry_run:
        typer.echo(wish.filter.undoing(wish.options), nl=False)
        return
    wish.filter.clean(wish.options)
    typer.echo("nothing is captured")


def hold(wish: Wish) -> None:
    """Set the rules, say so, and stay until SIGTERM: the process of a pause container.

    The rules go with the network namespace that it holds.
    """
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # none comes between set and wait
    apply(replace(wish, force=True))  # the proxy comes later, into our namespace
    if wish.dry_run:
        return
    if wish.ready_file is not None:
        wish.ready_file.touch()
    signal.sigwait(ends)


for each in (plan, verify, clean):
    captures.command(each.__name__)(_with_options(each))
captures.command("apply")(_with_options(apply, FORCED))
captures.command("hold")(_with_options(hold, HELD))


def _refuse_to_cut_off(options: CaptureOptions) -> None:
    there = {
        (protocol, each.port) for protocol in PROTOCOLS for each in waiting(protocol)
    }
    absent = [e for e in takers(options) if (e.protocol, e.port) not in there]
    if absent:
        raise NobodyTakesError(
            f"nobody listens on {', '.join(map(str, absent))}: captured traffic would "
            "fail. Start the proxy first (meltemi workload join --captured starts it, "
            "then captures), or say --force if it comes later"
        )


def _ssh() -> tuple[int, ...]:
    return ssh_ports_here(os.environ)  # noqa: TID251 - here it is read
