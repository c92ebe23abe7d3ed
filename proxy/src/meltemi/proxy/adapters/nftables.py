"""nft, and the tables of ours that it holds in this network namespace."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.proxy.adapters.programs import run_program
from meltemi.proxy.capture import nft
from meltemi.proxy.capture.rules import Kind
from meltemi.proxy.capture.transparent import TPROXY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.proxy.capture.rules import Plan

PROGRAM: Final = "nft"


def is_installed() -> bool:
    """Whether the program is there."""
    return shutil.which(PROGRAM) is not None


@dataclass(frozen=True, slots=True)
class Nftables:
    """Our tables in nft: they change as one."""

    name: str = PROGRAM

    def text(self, plans: Sequence[Plan]) -> str:
        """Return what `apply` would tell the program."""
        return nft.transaction(plans)

    def apply(self, plans: Sequence[Plan]) -> None:
        """Put ``plans`` in place of any rules of ours in nft.

        Raises:
            CaptureFailedError: If it refuses them; then nothing is changed.

        """
        run_program([PROGRAM, "-f", "-"], nft.transaction(plans))

    def missing(self, one: Plan) -> list[str]:
        """Return in words what of ``one`` is not there."""
        family = nft.FAMILIES[one.version]
        return nft.missing(one, run_program([PROGRAM, "list", "ruleset", family]))

    def holds_ours(self) -> bool:
        """Whether rules of ours are here, whatever they say."""
        names = [f" {nft.table_name(kind)}" for kind in Kind]
        listed = run_program([PROGRAM, "list", "tables"]).splitlines()
        return any(line.endswith(name) for line in listed for name in names)

    def takes_transparently(self) -> bool:
        """Whether rules of ours are here that need TPROXY's route."""
        listed = run_program([PROGRAM, "--terse", "list", "chains"])
        return (nft.table_name(Kind.MANGLE), TPROXY) in nft.hooks(listed)

    def undoing(self) -> str:
        """Return what `clean` would tell the program."""
        return nft.transaction([])

    def clean(self) -> None:
        """Take our tables away."""
        self.apply([])
