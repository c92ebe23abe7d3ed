"""The kernel's packet filter, by the programs that are there: nft, or iptables."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.adapters import nftables, xtables
from meltemi.proxy.adapters.capture_routes import absent, routes, unroutes
from meltemi.proxy.adapters.nftables import Nftables
from meltemi.proxy.adapters.programs import CaptureFailedError, run_program
from meltemi.proxy.adapters.xtables import Xtables
from meltemi.proxy.capture.options import CaptureOptions, Inbound
from meltemi.proxy.capture.plan import plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.proxy.capture.rules import Plan


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
        backend: The program that rules are set with. Rules of ours are found, and taken
            away, whichever program set them.

    """

    def __init__(self, backend: Backend | None = None) -> None:
        """Choose ``backend``, or the first that is there.

        Raises:
            NoPacketFilterError: If it is not there, or not for this user.

        """
        self._chosen = backend
        self.backend = backend or _found()
        if not INSTALLED[self.backend]():
            raise NoPacketFilterError(
                f"{self.backend} is not installed: install {PACKAGES[self.backend]}, "
                "or choose the other --backend"
            )
        usual = next(xtables.makes()) if self.backend is Backend.IPTABLES else None
        if usual and not usual.in_nf_tables and os.geteuid() != ROOT:
            raise NoPacketFilterError(
                f"{usual.name} of this machine is the older one, which only root may "
                f"use, and this is user {os.geteuid()}, whatever rights it has: "
                "install nftables, or have iptables keep its rules in nf_tables "
                "(update-alternatives --config iptables)"
            )
        self._filter = usual or Nftables()

    def standing(self) -> Netfilter:
        """Return the one that rules of ours stand in, where none was chosen.

        Where none stand it is this one.
        """
        if self._chosen is None and INSTALLED[Backend.IPTABLES]():
            iptables = Netfilter(Backend.IPTABLES)
            theirs, ours = iptables._filter, self._filter
            if theirs.holds_ours() and not ours.holds_ours():
                return iptables
        return self

    def text(self, options: CaptureOptions) -> str:
        """Return what `apply` would tell the program now, and the routes beside it."""
        plans = _plans(options)
        words = [f"# {' '.join(each)}" for one in plans for each in routes(one)]
        return "\n".join([*words, self._filter.text(plans)])

    def apply(self, options: CaptureOptions) -> None:
        """Put the rules of ``options`` in place of any of ours, whoever holds them.

        Raises:
            CaptureFailedError: If a program refuses them. Then rules of ours that were
                there stay; of a table that iptables changed already they are new.

        """
        plans = _plans(options)
        for one in plans:
            for words in routes(one):
                run_program(words)
        self._filter.apply(plans)
        for each in _holding_ours():
            if each != self._filter:
                each.clean()

    def holds_ours(self) -> bool:
        """Whether rules of ours are here already, whatever they say."""
        return bool(_holding_ours())

    def missing(self, options: CaptureOptions) -> list[str]:
        """Return in words what of ``options`` does not hold; empty: all of it does."""
        wrong = []
        for one in _plans(options):
            found = self._filter.missing(one)
            wrong += [f"IPv{one.version} {each}" for each in found]
            wrong += [f"not there: {' '.join(each)}" for each in absent(one)]
        others = (each for each in _holding_ours() if each != self._filter)
        return [*wrong, *(f"rules of ours stand in {each.name}" for each in others)]

    def undoing(self, options: CaptureOptions) -> str:
        """Return what `clean` would tell the programs now."""
        there = _holding_ours()
        words = [f"# {' '.join(each)}" for each in _unrouting(options, there)]
        parts = [f"# {each.name}\n{each.undoing()}" for each in there]
        return "\n".join([*words, *parts])

    def clean(self, options: CaptureOptions) -> None:
        """Take away our rules and routes, whatever they say and whoever holds them.

        What others set stays as it is, byte for byte.

        Args:
            options: TPROXY's route goes if they say so, also where the rules that it
                was for have gone already.

        """
        there = _holding_ours()
        # The rules last: they tell which routes are ours, also if we are stopped here.
        for words in _unrouting(options, there):
            run_program(words)
        for each in there:
            each.clean()


ROOT: Final = 0
INSTALLED = {
    Backend.NFT: nftables.is_installed,
    Backend.IPTABLES: xtables.is_installed,
}
PACKAGES = {Backend.NFT: "nftables", Backend.IPTABLES: "iptables"}


def _found() -> Backend:
    for backend, is_installed in INSTALLED.items():
        if is_installed():
            return backend
    raise NoPacketFilterError(
        "neither nft nor iptables is installed: install nftables, or use "
        "meltemi up --capture=explicit, which needs neither"
    )


def _installed() -> Iterator[Nftables | Xtables]:
    if nftables.is_installed():
        yield Nftables()
    if xtables.is_installed():
        yield from xtables.makes()


def _holding_ours() -> list[Nftables | Xtables]:
    """Return the filters that rules of ours stand in.

    Raises:
        CaptureFailedError: If none can be asked. A program may be there that this
            kernel has nothing for.

    """
    found, refused = list[Nftables | Xtables](), list[CaptureFailedError]()
    asked = list(_installed())
    for each in asked:
        try:
            if each.holds_ours():
                found.append(each)
        except CaptureFailedError as error:
            refused.append(error)
    if refused and len(refused) == len(asked):
        raise refused[0]
    return found


def _unrouting(
    options: CaptureOptions, there: list[Nftables | Xtables]
) -> list[list[str]]:
    """Return the commands that take away the routes of rules that are ``there``."""
    if any(each.takes_transparently() for each in there):
        options = CaptureOptions(inbound=Inbound.TPROXY)
    words = []
    for version in xtables.kernel_versions():
        words += [list(each) for each in unroutes(plan(options, version))]
    return words


def _plans(options: CaptureOptions) -> list[Plan]:
    return [plan(options, version) for version in _spoken()]


def _spoken() -> Iterator[int]:
    """Yield the IP versions that this namespace speaks."""
    yield 4
    addresses = Path("/proc/net/if_inet6")
    if addresses.exists() and addresses.read_text():
        yield 6
