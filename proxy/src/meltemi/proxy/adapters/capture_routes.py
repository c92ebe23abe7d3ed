"""What capture needs beside rules: TPROXY's route, and an address of loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.proxy.adapters.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.proxy.capture.rules import Plan


def routes(one: Plan) -> Iterator[Sequence[str]]:
    """Yield the commands that set what ``one`` needs."""
    ip = ["ip", f"-{one.version}"]
    if one.extra_address:
        yield [*ip, "address", "replace", one.extra_address, "dev", "lo"]
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
    extra = one.extra_address
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
