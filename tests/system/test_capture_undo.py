"""``meltemi capture clean`` and ``verify``: what was set is found, and undone exactly."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit import namespaces
from meltemi.testkit.captures import capture, rules, run, state
from meltemi.testkit.namespaces import Machine, network
from meltemi.testkit.processes import python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(namespaces.missing()), reason=namespaces.missing()),
]

BACKENDS = ("nft", "iptables")
WAYS = [(backend, mode) for backend in BACKENDS for mode in ("REDIRECT", "TPROXY")]
OTHERS = """
*nat
-N DOCKER
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
*filter
-A INPUT -p tcp --dport 22 -j ACCEPT
COMMIT
"""


@pytest.fixture
def machine() -> Iterator[Machine]:
    with network() as net:
        yield net.machine("10.77.0.2", "fd77::2")


@pytest.mark.parametrize(("backend", "mode"), WAYS)
@pytest.mark.parametrize("before", ["", OTHERS])
def test_clean_returns_the_rules_as_they_were_byte_for_byte(
    machine: Machine, backend: str, mode: str, before: str
) -> None:
    run(machine, "iptables-restore", text=before)
    found = state(machine)
    options = ("--backend", backend, "--inbound-mode", mode, "--dns", "--drop-invalid")
    capture(machine, "apply", *options)
    once = rules(machine)
    assert state(machine) != found
    capture(machine, "apply", *options)
    assert rules(machine) == once, "twice is once"
    capture(machine, "verify", *options)
    capture(machine, "clean", *options)
    assert state(machine) == found


@pytest.mark.parametrize(("set_with", "asked_for"), [BACKENDS, BACKENDS[::-1]])
@pytest.mark.parametrize("mode", ["REDIRECT", "TPROXY"])
def test_clean_finds_the_rules_whichever_program_holds_them(
    machine: Machine, set_with: str, asked_for: str, mode: str
) -> None:
    run(machine, "iptables-restore", text=OTHERS)
    found = state(machine)
    options = ("--inbound-mode", mode, "--dns")
    capture(machine, "apply", "--backend", set_with, *options)
    capture(machine, "verify", *options)
    assert "MELTEMI_" in capture(machine, "clean", "--dry-run") or set_with == "nft"
    capture(machine, "clean", "--backend", asked_for)
    assert state(machine) == found
    assert capture(machine, "clean", "--dry-run").strip() == ""


@pytest.mark.parametrize(("first", "then"), [BACKENDS, BACKENDS[::-1]])
def test_rules_set_with_the_other_program_are_replaced(
    machine: Machine, first: str, then: str
) -> None:
    capture(machine, "apply", "--backend", then)
    once = rules(machine)
    capture(machine, "clean")
    capture(machine, "apply", "--backend", first, "--dns")
    capture(machine, "apply", "--backend", then)
    assert rules(machine) == once


def test_clean_finds_rules_of_the_older_iptables(
    machine: Machine, tmp_path: Path
) -> None:
    multi = shutil.which("xtables-legacy-multi")
    if multi is None:
        pytest.skip(reason="needs xtables-legacy-multi (Debian: iptables)")
    for name in ("iptables", "ip6tables"):
        for verb in ("", "-save", "-restore"):
            (tmp_path / f"{name}{verb}").symlink_to(multi)
    words = [*python("meltemi.ctl"), "capture", "apply", "--force"]
    path = f"PATH={tmp_path}:{os.environ['PATH']}"  # noqa: TID251 - its programs
    done = run(machine, "env", path, *words, "--backend", "iptables")
    assert done.returncode == 0, done.stderr
    older = [f"{name}-legacy-save" for name in ("iptables", "ip6tables")]
    assert all("MELTEMI_" in run(machine, each).stdout for each in older)
    capture(machine, "clean")
    assert not any("-A" in run(machine, each).stdout for each in older)


def test_clean_leaves_what_is_not_ours_where_nothing_is(
    machine: Machine,
) -> None:
    run(machine, *["ip", "-6", "address", "add", "::6/128", "dev", "lo"])
    found = state(machine)
    capture(machine, "clean")
    assert state(machine) == found


@pytest.mark.parametrize("theirs", ["::6/128", "fd00::6/128"])
def test_clean_takes_no_address_that_was_there_before(
    machine: Machine, theirs: str
) -> None:
    run(machine, *["ip", "-6", "address", "add", theirs, "dev", "lo"])
    found = state(machine)
    capture(machine, "apply")
    capture(machine, "apply")
    capture(machine, "verify")
    capture(machine, "clean")
    assert state(machine) == found


def holds_ours(machine: Machine, backend: str) -> bool:
    asked = (
        "from meltemi.proxy.adapters.netfilter import Backend, Netfilter; "
        f"print(Netfilter(Backend({backend!r})).holds_ours())"
    )
    done = run(machine, sys.executable, "-c", asked)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip() == "True"


@pytest.mark.parametrize("backend", BACKENDS)
def test_rules_of_ours_are_known_among_others(machine: Machine, backend: str) -> None:
    run(machine, "iptables-restore", text=OTHERS)
    assert not holds_ours(machine, backend)
    capture(machine, "apply", "--backend", backend)
    assert holds_ours(machine, backend)
    capture(machine, "clean", "--backend", backend)
    assert not holds_ours(machine, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_verify_names_what_somebody_took_away(machine: Machine, backend: str) -> None:
    capture(machine, "apply", "--backend", backend)
    flush = {
        "nft": ["nft", "flush", "chain", "ip", "meltemi-nat", "MELTEMI_INBOUND"],
        "iptables": ["iptables", "-t", "nat", "-F", "MELTEMI_INBOUND"],
    }
    assert run(machine, *flush[backend]).returncode == 0
    words = [*python("meltemi.ctl"), "capture", "verify", "--backend", backend]
    done = run(machine, *words)
    assert done.returncode == 1
    assert "IPv4 nat" in done.stderr
    assert "expected" in done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_dry_run_does_nothing_and_prints_what_the_program_takes(
    machine: Machine, backend: str
) -> None:
    found = state(machine)
    text = capture(machine, "apply", "--dry-run", "--backend", backend)
    assert "MELTEMI_OUTPUT" in text
    assert state(machine) == found
