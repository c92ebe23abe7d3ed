"""The kernel's packet filter, by the programs that are there: nft, or iptables."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.adapters.programs import run_program
from meltemi.proxy.capture import iptables, nft
from meltemi.proxy.capture.family import family
from meltemi.proxy.capture.plan import plan
from meltemi.proxy.capture.rules import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.proxy.capture.options import CaptureOptions
    from meltemi.proxy.capture.rules import Plan

COMMANDS = {
    4: ("iptables-save", "iptables-restore"),
    6: ("ip6tables-save", "ip6tables-restore"),
}
NF_TABLES = "nf_tables"


class NoPacketFilterError(MeshError):
    """Neither nft nor iptables is there."""

    code = "capture.no-packet-filter"
    blame = Blame.CALLER


class Backend(StrEnum):
    """Whose words the rules are written in."""

    NFT = "nft"
    IPTABLES = "iptables"


class Netfilter:
    """The packet filter of the network namespace that this process is in.

    Attributes:
        backend: The program that is used.

    """

    def __init__(self, backend: Backend | None = None) -> None:
        """Choose ``backend``, or the first that is there.

        Raises:
            NoPacketFilterError: If it is not there.

        """
        self.backend = backend or _found()
        if shutil.which(PROGRAMS[self.backend]) is None:
            raise NoPacketFilterError(
                f"{PROGRAMS[self.backend]} is not installed: install {self.backend}, "
                "or choose the other --backend"
            )

    def text(self, options: CaptureOptions) -> str:
        """Return what `apply` would tell the program now, and the routes beside it."""
        plans = _plans(options)
        words = [f"# {' '.join(each)}" for one in plans for each in _routes(one)]
        if self.backend is Backend.NFT:
            return "\n".join([*words, nft.transaction(plans)])
        parts = [f"# IPv{each.version}\n{_changes(each)}" for each in plans]
        return "\n".join([*words, *parts])

    def apply(self, options: CaptureOptions) -> None:
        """Put the rules of ``options`` in place of any of ours.

        Raises:
            CaptureFailedError: If a program refuses them. Then rules of ours that were
                there stay; of a table that iptables changed already they are new.

        """
        plans = _plans(options)
        for one in plans:
            for words in _routes(one):
                run_program(words)
        if self.backend is Backend.NFT:
            run_program(["nft", "-f", "-"], nft.transaction(plans))
            return
        for one in plans:
            _restore(one.version, _changes(one))

    def holds_ours(self) -> bool:
        """Whether rules of ours are here already, whatever they say."""
        if self.backend is Backend.NFT:
            names = [f" {nft.table_name(kind)}" for kind in Kind]
            listed = run_program(["nft", "list", "tables"]).splitlines()
            return any(line.endswith(name) for line in listed for name in names)
        found = (iptables.ours_in(_saved(each)).values() for each in _versions())
        return any(ours.hooks or ours.chains for tables in found for ours in tables)

    def missing(self, options: CaptureOptions) -> list[str]:
        """Return in words what of ``options`` does not hold; empty: all of it does."""
        wrong = []
        for one in _plans(options):
            if self.backend is Backend.NFT:
                listed = run_program(
                    ["nft", "list", "ruleset", nft.FAMILIES[one.version]]
                )
                found = nft.missing(one, listed)
            else:
                found = iptables.missing(one, _saved(one.version))
            wrong += [f"IPv{one.version} {each}" for each in found]
            wrong += [f"not there: {' '.join(each)}" for each in _absent_routes(one)]
        return wrong

    def undoing(self, options: CaptureOptions) -> str:
        """Return what `clean` would tell the programs now."""
        plans = _plans(options)
        words = [f"# {' '.join(each)}" for one in plans for each in _unroutes(one)]
        if self.backend is Backend.NFT:
            return "\n".join([*words, nft.transaction([])])
        parts = [
            f"# IPv{each.version}\n" + iptables.transaction(None, _saved(each.version))
            for each in plans
        ]
        return "\n".join([*words, *parts])

    def clean(self, options: CaptureOptions) -> None:
        """Take away our rules, whatever they say, and the routes of ``options``.

        What others set stays as it is, byte for byte.
        """
        if self.backend is Backend.NFT:
            run_program(["nft", "-f", "-"], nft.transaction([]))
        for one in _plans(options):
            if self.backend is Backend.IPTABLES:
                _unmake(one.version)
            for words in _unroutes(one):
                run_program(words)


def tcp_sockets() -> list[str]:
    """Return the lines of /proc/net/tcp and tcp6."""
    files = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    found = (each.read_text() for each in files if each.exists())
    return [line for text in found for line in text.splitlines()]


PROGRAMS = {Backend.NFT: "nft", Backend.IPTABLES: "iptables-restore"}


def _found() -> Backend:
    for backend, program in PROGRAMS.items():
        if shutil.which(program):
            return backend
    raise NoPacketFilterError(
        "neither nft nor iptables is installed: install nftables, or use "
        "meltemi up --capture=explicit, which needs neither"
    )


def _plans(options: CaptureOptions) -> list[Plan]:
    return [plan(options, version) for version in _versions()]


def _versions() -> Iterator[int]:
    """Yield the IP versions that this namespace speaks."""
    yield 4
    addresses = Path("/proc/net/if_inet6")
    if addresses.exists() and addresses.read_text():
        yield 6


def _saved(version: int) -> str:
    return run_program([COMMANDS[version][0]])


def _restore(version: int, text: str) -> None:
    if text:
        run_program([COMMANDS[version][1], "--noflush", "--wait", "5"], text)


def _unmake(version: int) -> None:
    """Take our rules away, and the tables that iptables made for them."""
    saved = _saved(version)
    _restore(version, iptables.transaction(None, saved))
    ip = nft.FAMILIES[version]
    for table, ours in iptables.ours_in(saved).items():
        if not _is_nf_tables():
            return  # the kernel's own tables come with a module, and stay
        if ours.made:
            run_program(["nft", "delete", "table", ip, table])
        for hook in ours.made_hooks:
            run_program(["nft", "delete", "chain", ip, table, hook])


def _changes(one: Plan) -> str:
    """Return what iptables-restore is told to come to ``one``."""
    saved = _saved(one.version)
    return iptables.transaction(one, saved, _hooks(one.version, saved))


def _hooks(version: int, saved: str) -> set[tuple[str, str]]:
    """Return the hooks that exist; iptables-save shows those of a table all or none."""
    if not _is_nf_tables():
        tables = iptables.ours_in(saved)
        return {(table, hook) for table in tables for hook in iptables.HOOKS}
    listed = run_program(["nft", "--terse", "list", "chains", nft.FAMILIES[version]])
    return set(nft.hooks(listed))


def _is_nf_tables() -> bool:
    programs = all(map(shutil.which, ("nft", "iptables")))
    return programs and NF_TABLES in run_program(["iptables", "--version"])


def _routes(one: Plan) -> Iterator[Sequence[str]]:
    ip = ["ip", f"-{one.version}"]
    if one.extra_address:
        yield [*ip, "address", "replace", one.extra_address, "dev", "lo"]
    if one.local_mark is None:
        return
    table = str(one.route_table)
    if _rule(one) not in _rules(one):
        yield [*ip, "rule", "add", "fwmark", str(one.local_mark), "lookup", table]
    yield [*ip, "route", "replace", "local", "default", "dev", "lo", "table", table]


def _absent_routes(one: Plan) -> Iterator[Sequence[str]]:
    """Yield the commands of `_routes` that would change something."""
    if one.local_mark is not None and _rule(one) not in _rules(one):
        yield ["ip", "rule", _rule(one)]


def _unroutes(one: Plan) -> Iterator[Sequence[str]]:
    ip = ["ip", f"-{one.version}"]
    extra = family(one.version).extra_address
    if extra and extra in run_program([*ip, "address", "show", "dev", "lo"]):
        yield [*ip, "address", "del", extra, "dev", "lo"]
    if one.local_mark is not None and _rule(one) in _rules(one):
        table = str(one.route_table)
        yield [*ip, "rule", "del", "fwmark", str(one.local_mark), "lookup", table]
        yield [*ip, "route", "flush", "table", table]


def _rule(one: Plan) -> str:
    return f"fwmark {one.local_mark or 0:#x} lookup {one.route_table}"


def _rules(one: Plan) -> str:
    return run_program(["ip", f"-{one.version}", "rule", "show"])
