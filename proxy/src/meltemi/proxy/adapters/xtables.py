"""iptables, in either of its makes, and the rules of ours that it holds.

One make keeps its rules in nf_tables, the older one in tables of its own, and neither
sees the other's. Debian has both, and a link that says which one ``iptables`` is.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.proxy.adapters.programs import run_program
from meltemi.proxy.capture import iptables, nft
from meltemi.proxy.capture.rules import Kind
from meltemi.proxy.capture.transparent import TPROXY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.proxy.capture.iptables import Ours
    from meltemi.proxy.capture.rules import Plan

PROGRAM: Final = "iptables-restore"
NAMES: Final = {4: "iptables", 6: "ip6tables"}
NF_TABLES: Final = "nf_tables"
SUFFIXES: Final = {True: "-nft", False: "-legacy"}
"""Of the programs' names, by whether they keep their rules in nf_tables."""


def is_installed() -> bool:
    """Whether the programs are there."""
    return shutil.which(PROGRAM) is not None


def makes() -> Iterator[Xtables]:
    """Yield the iptables of this machine, then the other make where it is there."""
    usual = NF_TABLES in run_program(["iptables", "--version"])
    yield Xtables("", in_nf_tables=usual)
    suffix = SUFFIXES[not usual]
    if shutil.which(f"iptables{suffix}-restore"):
        yield Xtables(suffix, in_nf_tables=not usual)


@dataclass(frozen=True, slots=True)
class Xtables:
    """Our chains in one make of iptables: each table changes as one.

    Attributes:
        suffix: Behind the first word of its programs' names.
        in_nf_tables: Whether it keeps its rules in nf_tables, where nft sees them.

    """

    suffix: str
    in_nf_tables: bool

    @property
    def name(self) -> str:
        """What users call it."""
        return f"iptables{self.suffix}"

    def text(self, plans: Sequence[Plan]) -> str:
        """Return what `apply` would tell the program now."""
        parts = (f"# IPv{each.version}\n{self._changes(each)}" for each in plans)
        return "\n".join(parts)

    def apply(self, plans: Sequence[Plan]) -> None:
        """Put ``plans`` in place of any rules of ours in this make.

        Raises:
            CaptureFailedError: If it refuses them. Then rules of ours that were there
                stay; of a table that was changed already they are new.

        """
        for each in plans:
            self._restore(each.version, self._changes(each))

    def missing(self, one: Plan) -> list[str]:
        """Return in words what of ``one`` is not there."""
        return iptables.missing(one, self._saved(one.version))

    def holds_ours(self) -> bool:
        """Whether rules of ours are here, whatever they say."""
        return any(ours.hooks or ours.chains for _, ours in self._ours())

    def takes_transparently(self) -> bool:
        """Whether rules of ours are here that need TPROXY's route."""
        return any(
            table == Kind.MANGLE and TPROXY in ours.chains
            for table, ours in self._ours()
        )

    def undoing(self) -> str:
        """Return what `clean` would tell the programs now."""
        return "\n".join(
            f"# IPv{each}\n" + iptables.transaction(None, self._saved(each))
            for each in kernel_versions()
        )

    def clean(self) -> None:
        """Take our rules away, and the tables that this make put up for them."""
        for version in kernel_versions():
            saved = self._saved(version)
            self._restore(version, iptables.transaction(None, saved))
            if self._shown_by_nft():
                self._unmake(version, saved)

    def _unmake(self, version: int, saved: str) -> None:
        """Take away tables and hooks; the other make's come with a module, and stay."""
        ip = nft.FAMILIES[version]
        for table, ours in iptables.ours_in(saved).items():
            if ours.made:
                run_program(["nft", "delete", "table", ip, table])
            for hook in ours.made_hooks:
                run_program(["nft", "delete", "chain", ip, table, hook])

    def _ours(self) -> Iterator[tuple[str, Ours]]:
        for version in kernel_versions():
            yield from iptables.ours_in(self._saved(version)).items()

    def _saved(self, version: int) -> str:
        return run_program([f"{NAMES[version]}{self.suffix}-save"])

    def _restore(self, version: int, text: str) -> None:
        if text:
            program = f"{NAMES[version]}{self.suffix}-restore"
            run_program([program, "--noflush", "--wait", "5"], text)

    def _changes(self, one: Plan) -> str:
        """Return what iptables-restore is told to come to ``one``."""
        saved = self._saved(one.version)
        return iptables.transaction(one, saved, self._hooks(one.version, saved))

    def _hooks(self, version: int, saved: str) -> set[tuple[str, str]]:
        """Return the hooks that exist; what is saved has all of a table or none."""
        if not self._shown_by_nft():
            tables = iptables.ours_in(saved)
            return {(table, hook) for table in tables for hook in iptables.HOOKS}
        words = ["nft", "--terse", "list", "chains", nft.FAMILIES[version]]
        return set(nft.hooks(run_program(words)))

    def _shown_by_nft(self) -> bool:
        return self.in_nf_tables and shutil.which("nft") is not None


def kernel_versions() -> Iterator[int]:
    """Yield the IP versions that the kernel has rules for."""
    yield 4
    if Path("/proc/net/if_inet6").exists():
        yield 6
