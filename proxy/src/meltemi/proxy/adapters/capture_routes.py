"""What capture needs beside rules: TPROXY's route, and an address of loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.proxy.adapters.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.proxy.capture.rules import Plan


MARK: Final = "1337"
"""The metric of an address of ours. An address has no name by which it could be known,
and this number changes nothing: it is the only one of its prefix."""


def routes(one: Plan) -> Iterator[Sequence[str]]:
    """Yield the commands that set what ``one`` needs."""
    ip = ["ip", f"-{one.version}"]
    extra = one.extra_address
    if extra and not _found(one):
        yield [*ip, "address", "replace", extra, "dev", "lo", "metric", MARK]
    if one.local_mark is None:
        return
    table = str(one.route_table)
    if _rule(one) not in _rules(one):
        yield [*ip, "rule", "add", "fwmark", str(one.local_mark), "lookup", table]
    yield [*ip, "route", "replace", "local", "default", "dev", "lo", "table", table]


def absent(one: Plan) -> Iterator[Sequence[str]]:
    """Yield what of `routes` is not there."""
    if one.local_mark is not None and _rule(one) not in _rules(one):
        yield ["ip", "rule", _rule(one)]


def unroutes(one: Plan) -> Iterator[Sequence[str]]:
    """Yield the commands that take away what is there of `routes`."""
    ip = ["ip", f"-{one.version}"]
    if f"metric {MARK}" in _found(one):
        yield [*ip, "address", "del", one.extra_address, "dev", "lo"]
    if one.local_mark is not None and _rule(one) in _rules(one):
        table = str(one.route_table)
        yield [*ip, "rule", "del", "fwmark", str(one.local_mark), "lookup", table]
        yield [*ip, "route", "flush", "table", table]


def _found(one: Plan) -> str:
    """Return what is said of the address that is to be there; nothing: it is not."""
    if not one.extra_address:
        return ""
    asked = ["ip", f"-{one.version}", "-oneline", "address", "show", "dev", "lo"]
    lines = run_program(asked).splitlines()
    return next((each for each in lines if one.extra_address in each.split()), "")


def _rule(one: Plan) -> str:
    return f"fwmark {one.local_mark or 0:#x} lookup {one.route_table}"


def _rules(one: Plan) -> str:
    return run_program(["ip", f"-{one.version}", "rule", "show"])
