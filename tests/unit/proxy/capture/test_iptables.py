"""Rules in iptables' words, and how ours are found again among others'."""

from __future__ import annotations

from meltemi.proxy.capture.iptables import (
    digest,
    missing,
    ours_in,
    transaction,
)
from meltemi.proxy.capture.options import CaptureOptions
from meltemi.proxy.capture.plan import plan
from meltemi.proxy.capture.rules import Kind

PLAN = plan(CaptureOptions(), 4)
OTHERS = """\
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -p tcp -m comment --comment "not meltemi:ours" -j DOCKER
COMMIT
"""
BOTH = {("nat", "PREROUTING"), ("nat", "OUTPUT")}


def as_saved(text: str) -> str:
    """Return what iptables-save would print after ``text`` (an order of its own)."""
    lines = text.splitlines()
    chains = [f":{each[3:]} - [0:0]" for each in lines if each.startswith("-N ")]
    rules = [each for each in lines if each.startswith("-A ")]
    return "\n".join(["*nat", *chains, *rules, "COMMIT", ""])


def test_rules_of_others_are_not_taken_for_ours() -> None:
    assert ours_in(OTHERS)["nat"].hooks == ()
    assert transaction(None, OTHERS) == ""


def test_what_was_set_is_found_again_and_taken_away_rule_by_rule() -> None:
    saved = as_saved(transaction(PLAN, OTHERS, BOTH))
    assert missing(PLAN, saved) == []
    gone = transaction(None, saved).splitlines()
    (table,) = PLAN.tables
    assert [each for each in gone if each.startswith("-X")] == [
        f"-X {each}" for each in table.chains
    ]
    hooks = ours_in(saved)["nat"].hooks
    assert gone[1:3] == ["-D" + each.removeprefix("-A") for each in hooks]


def test_other_options_replace_what_is_there_in_one_step() -> None:
    saved = as_saved(transaction(PLAN, OTHERS, BOTH))
    other = plan(CaptureOptions(dns=True), 4)
    text = transaction(other, saved, BOTH)
    assert text.count("*nat") == text.count("*raw") == 1
    assert text.index("-X MELTEMI_OUTPUT\n") < text.index("-N MELTEMI_OUTPUT\n")
    wrong = missing(other, saved)
    assert "nat: the rules of other options" in wrong


def test_a_table_or_hook_that_we_made_is_known_again() -> None:
    made = as_saved(transaction(PLAN, ""))
    assert ours_in(made)["nat"].made
    assert ours_in(as_saved(transaction(PLAN, made, BOTH)))["nat"].made, "still"
    hook = as_saved(transaction(PLAN, OTHERS, {("nat", "PREROUTING")}))
    assert ours_in(hook)["nat"].made_hooks == ("OUTPUT",)
    assert not ours_in(as_saved(transaction(PLAN, OTHERS, BOTH)))["nat"].made_hooks


def test_the_digest_is_of_the_rules() -> None:
    assert digest(PLAN) == digest(plan(CaptureOptions(), 4))
    assert digest(PLAN) != digest(plan(CaptureOptions(), 6))
    assert {each.kind for each in PLAN.tables} == {Kind.NAT}
