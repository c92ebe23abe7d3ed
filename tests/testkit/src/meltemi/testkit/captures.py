"""``meltemi capture`` on a machine of the test's own, and what it changes there."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from meltemi.testkit.processes import python

if TYPE_CHECKING:
    from meltemi.testkit.namespaces import Machine


def run(
    machine: Machine, *words: str, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Return what came of a program on ``machine``."""
    return subprocess.run(
        machine.argv(list(words)),
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def capture(machine: Machine, verb: str, *options: str) -> str:
    """Return what ``meltemi capture`` printed, which did not fail.

    Rules are set whether or not there is somebody who takes what they capture.
    """
    forced = ["--force"] if verb == "apply" else []
    done = run(machine, *python("meltemi.ctl"), "capture", verb, *forced, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def state(machine: Machine) -> str:
    """Return everything that capturing may change."""
    commands = (
        ["iptables-save"],
        ["ip6tables-save"],
        ["nft", "list", "ruleset"],
        ["ip", "rule"],
        ["ip", "-6", "rule"],
        ["ip", "route", "show", "table", "133"],
        ["ip", "-6", "route", "show", "table", "133"],
        ["ip", "address", "show", "dev", "lo"],
    )
    told = [run(machine, *each).stdout for each in commands if shutil.which(each[0])]
    lines = "".join(told).splitlines()
    return "\n".join(each for each in lines if not each.startswith("#"))


def rules(machine: Machine) -> list[str]:
    """Return every rule and chain, in whatever order the tables are shown."""
    return sorted(state(machine).splitlines())
