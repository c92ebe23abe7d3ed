from __future__ import annotations

import pytest

from meltemi.proxy.dns.answering import mesh_answer
from meltemi.proxy.dns.message import query
from meltemi.proxy.dns.name import wire
from meltemi.proxy.dns.names import Names
from meltemi.testkit.dns import AAAA, CNAME, MX, SRV, A, Reply, question, taken_apart
from meltemi.xds.name_table import Name, NamedPort

HTTP, QUIC = NamedPort("http", "tcp", 9080), NamedPort("http", "udp", 9443)
SQL = NamedPort("sql", "tcp", 3306)
TABLE = {
    "reviews.default.svc.cluster.local": Name(
        ("240.240.0.1",), "External", "reviews", "default", (HTTP, QUIC)
    ),
    "details.prod.svc.cluster.local": Name(
        ("240.240.0.2",), "External", "details", "prod"
    ),
    "db.default.svc.cluster.local": Name(
        ("10.9.0.1", "10.9.0.2", "10.9.0.3", "fd00::1"),
        *("Kubernetes", "db", "default", (SQL,)),
    ),
    "api.example.com": Name(("240.240.0.4",), "External"),
    "*.wild.example.com": Name(("240.240.0.5",), "External", ports=(HTTP,)),
    "broken.example.com": Name(("nowhere",), "External"),
    "bücher.example.com": Name(("240.240.0.6",), "External"),
}
NAMES = Names(TABLE, "default")
CORP = wire("corp.example") or b""


def ask(
    host: str, kind: int = A, *, turn: int = 0, search: bytes = b""
) -> Reply | None:
    """Return the mesh's answer; None where it has none."""
    asked = query(question(host, kind))
    found = NAMES.find(asked.key, search)
    raw = mesh_answer(asked, found, turn, asked.limit(udp=True)) if found else None
    return taken_apart(raw) if raw else None


def values(host: str, kind: int = A, search: bytes = b"") -> list[str] | None:
    told = ask(host, kind, search=search)
    return told.values if told else None


@pytest.mark.parametrize(
    "host",
    [
        "reviews.default.svc.cluster.local",
        "reviews.default.svc",
        "reviews.default",
        "reviews",
        "REVIEWS.Default",
    ],
)
def test_a_service_is_known_by_every_name_it_has_in_its_namespace(host: str) -> None:
    assert values(host) == ["240.240.0.1"]


def test_a_name_alone_means_a_service_of_the_own_namespace() -> None:
    assert values("details.prod") == ["240.240.0.2"]
    assert values("details") is None
    assert Names(TABLE, "prod").find(wire("details") or b"")


def test_what_is_not_the_meshs_is_left_to_others() -> None:
    assert values("example.com") is None
    assert values("no.api.example.com") is None
    assert values("broken.example.com") is None, "no address of it can be read"


def test_a_host_of_one_family_has_no_records_of_the_other_and_is_there() -> None:
    told = ask("reviews", AAAA)
    assert told is not None
    assert (told.code, told.records) == (0, [])
    assert values("db", AAAA) == ["fd00::1"]


def test_other_types_are_left_to_others_as_istio_does() -> None:
    assert ask("reviews", SRV) is None
    assert ask("_http._tcp.reviews", MX) is None


REVIEWS = "reviews.default.svc.cluster.local"


@pytest.mark.parametrize(
    "host", [REVIEWS, "reviews.default.svc", "reviews.default", "Reviews"]
)
def test_a_port_of_a_service_is_found_by_its_name_and_transport(host: str) -> None:
    told = ask(f"_http._TCP.{host}", SRV)
    assert told is not None
    name = f"_http._TCP.{host}"
    assert told.records == [(name, SRV, 30, f"0 100 9080 {REVIEWS}")]
    assert told.more == [(REVIEWS, A, 30, "240.240.0.1")], "no second question"
    udp = ask(f"_http._udp.{host}", SRV)
    assert udp is not None
    assert udp.records[0][3] == f"0 100 9443 {REVIEWS}"


@pytest.mark.parametrize(
    "host",
    [
        "_grpc._tcp.reviews",
        "_http._sctp.reviews",
        "_http.reviews",
        "_http._tcp",
        "_http._tcp.elsewhere.example",
        "_http._tcp.details.prod",
        "http.tcp.reviews",
    ],
)
def test_a_port_that_a_service_does_not_have_is_left_to_others(host: str) -> None:
    assert ask(host, SRV) is None


def test_the_name_of_a_port_is_there_and_has_no_address() -> None:
    told = ask("_http._tcp.reviews", A)
    assert told is not None
    assert (told.code, told.records) == (0, [])


def test_a_port_is_found_behind_a_search_domain() -> None:
    told = ask("_http._tcp.reviews.corp.example", SRV, search=CORP)
    assert told is not None
    alias, server = told.records
    assert alias[3] == "_http._tcp.reviews"
    assert server == ("_http._tcp.reviews", SRV, 30, f"0 100 9080 {REVIEWS}")


MEMBERS = {
    f"db-{each}.db.default.svc.cluster.local": Name(
        (f"10.9.0.{each}",), "Kubernetes", f"db-{each}.db", "default"
    )
    for each in (1, 2)
}
DB = {
    "db.default.svc.cluster.local": Name(
        ("10.9.0.1", "10.9.0.2"), "Kubernetes", "db", "default", (SQL,)
    )
}


def servers(table: dict[str, Name], *, turn: int = 0) -> list[str]:
    asked = query(question("_sql._tcp.db", SRV))
    found = Names(table, "default").find(asked.key)
    assert found is not None
    told = taken_apart(mesh_answer(asked, found, turn, 512) or b"")
    assert len(told.more) == 2, "each server's address"
    return [value for _, _, _, value in told.records]


def test_each_member_of_a_headless_service_is_a_server_of_its_ports() -> None:
    first, second = (f"0 50 3306 {each}" for each in MEMBERS)
    assert servers(DB | MEMBERS) == [first, second]
    assert servers(DB | MEMBERS, turn=1) == [second, first]


def test_where_not_every_endpoint_has_a_name_the_service_stands_for_them() -> None:
    one = dict([*MEMBERS.items()][:1])
    assert servers(DB | one) == ["0 100 3306 db.default.svc.cluster.local"]


def test_addresses_beside_an_answer_give_way_where_they_do_not_fit() -> None:
    asked = query(question("_sql._tcp.db", SRV))
    found = NAMES.find(asked.key)
    assert found is not None
    whole = taken_apart(mesh_answer(asked, found, 0, 512) or b"")
    assert len(whole.more) == 4
    least = asked.end + 12 + 6 + len(found.servers[0].host)
    some = taken_apart(mesh_answer(asked, found, 0, least + 60) or b"")
    assert (len(some.records), len(some.more), some.truncated) == (1, 1, False)
    none = taken_apart(mesh_answer(asked, found, 0, least - 1) or b"")
    assert (none.records, none.more, none.truncated) == ([], [], True)


def test_each_answer_begins_with_another_address() -> None:
    seen = [ask("db", turn=turn) for turn in range(4)]
    firsts = [each.values[0] for each in seen if each]
    assert firsts == ["10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.1"]
    assert all(each and len(each.values) == 3 for each in seen)


def test_addresses_hold_for_half_a_minute() -> None:
    told = ask("reviews")
    assert told is not None
    assert [life for _, _, life, _ in told.records] == [30]


@pytest.mark.parametrize("host", ["a.wild.example.com", "a.b.WILD.example.com"])
def test_a_wildcard_answers_for_everything_below_it(host: str) -> None:
    told = ask(host)
    assert told is not None
    assert told.records == [(host, A, 30, "240.240.0.5")]
    assert values("wild.example.com") is None


@pytest.mark.parametrize("host", ["reviews", "api.example.com", "x.wild.example.com"])
def test_a_name_that_a_search_domain_made_longer_is_another_for_the_host(
    host: str,
) -> None:
    told = ask(f"{host}.Corp.example", search=CORP)
    assert told is not None
    alias, address = told.records
    assert alias == (f"{host}.Corp.example", CNAME, 30, host)
    assert address[0] == host
    assert values(f"{host}.corp.example") is None


def test_a_search_domain_is_cut_off_between_labels_only() -> None:
    search = wire("local") or b""
    tricky = b"\x0dreviews" + search  # one label, with what looks like a length
    assert NAMES.find(tricky, search) is None


def test_a_full_name_is_nobodys_short_one() -> None:
    names = Names({"reviews": Name(("10.0.0.9",)), **TABLE}, "default")
    found = names.find(wire("reviews") or b"")
    assert found is not None
    assert found.addresses.four[0].endswith(bytes([10, 0, 0, 9]))
