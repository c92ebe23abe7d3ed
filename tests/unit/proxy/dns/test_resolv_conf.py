from __future__ import annotations

from meltemi.proxy.dns.name import wire
from meltemi.proxy.dns.resolv_conf import ResolvConf, parse


def test_the_servers_and_the_first_search_domain_are_read() -> None:
    found = parse(
        "# written by hand\n"
        "nameserver 192.0.2.53\n"
        "nameserver fd00::53  # beside\n"
        "nameserver resolver.example\n"
        "search a.example b.example\n"
        "options ndots:5\n"
    )
    assert found == ResolvConf(("192.0.2.53", "fd00::53"), wire("a.example") or b"")


def test_the_last_of_search_and_domain_counts() -> None:
    assert parse("search a.example\ndomain b.example").search == wire("b.example")
    assert parse("search .").search == b""


def test_three_servers_are_asked_at_most() -> None:
    text = "\n".join(f"nameserver 192.0.2.{each}" for each in range(1, 6))
    assert len(parse(text).servers) == 3
    assert parse("") == ResolvConf()
