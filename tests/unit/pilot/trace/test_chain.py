from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st

from meltemi.pilot.trace.chain import Seen, choose

SEEN = Seen(
    address="10.1.2.3",
    port=443,
    server_name="www.shop.example",
    transport="tls",
    protocols=("istio-h2", "h2"),
    source="10.9.9.9",
    source_port=4000,
)


def block(address: str, length: int) -> dict[str, Any]:
    return {"address_prefix": address, "prefix_len": length}


def chains(**matches: dict[str, Any]) -> list[FilterChain]:
    return [
        ParseDict({"name": name, "filter_chain_match": match}, FilterChain())
        for name, match in matches.items()
    ]


def names(listed: list[FilterChain], seen: Seen) -> list[str]:
    return [each.name for each in choose(listed, seen).chains]


def chosen(seen: Seen = SEEN, **matches: dict[str, Any]) -> list[str]:
    return names(chains(**matches), seen)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"destination_port": 443}, {}),
        ({"prefix_ranges": [block("10.1.2.0", 24)]}, {"prefix_ranges": [block("10.0.0.0", 8)]}),
        ({"prefix_ranges": [block("10.0.0.0", 8)]}, {}),
        ({"server_names": ["www.shop.example"]}, {"server_names": ["*.shop.example"]}),
        ({"server_names": ["*.shop.example"]}, {"server_names": ["*.example"]}),
        ({"server_names": ["*.example"]}, {}),
        ({"transport_protocol": "tls"}, {}),
        ({"application_protocols": ["istio-h2"]}, {"application_protocols": ["h2"]}),
        ({"application_protocols": ["h2"]}, {}),
        ({"direct_source_prefix_ranges": [block("10.9.0.0", 16)]}, {}),
        ({"source_type": "EXTERNAL"}, {}),
        ({"source_prefix_ranges": [block("10.9.9.9", 32)]}, {"source_prefix_ranges": [block("10.9.9.0", 24)]}),
        ({"source_ports": [4000]}, {}),
    ],
)  # fmt: skip
def test_the_narrower_match_wins(better: dict[str, Any], worse: dict[str, Any]) -> None:
    assert chosen(worse=worse, better=better) == ["better"]


@pytest.mark.parametrize(
    "match",
    [
        {"destination_port": 80},
        {"prefix_ranges": [block("10.2.0.0", 16)]},
        {"prefix_ranges": [block("fd00::", 8)]},
        {"server_names": ["shop.example"]},
        {"server_names": ["*.www.shop.example"]},
        {"transport_protocol": "raw_buffer"},
        {"application_protocols": ["http/1.1"]},
        {"direct_source_prefix_ranges": [block("10.8.0.0", 16)]},
        {"source_type": "SAME_IP_OR_LOOPBACK"},
        {"source_prefix_ranges": [block("10.8.0.0", 16)]},
        {"source_ports": [4001]},
    ],
)
def test_a_match_that_does_not_hold_shuts_the_chain_out(match: dict[str, Any]) -> None:
    assert chosen(only=match) == []


ORDER: list[dict[str, Any]] = [
    {"destination_port": 443},
    {"prefix_ranges": [block("10.1.2.3", 32)]},
    {"server_names": ["www.shop.example"]},
    {"transport_protocol": "tls"},
    {"application_protocols": ["h2"]},
    {"direct_source_prefix_ranges": [block("10.9.9.9", 32)]},
    {"source_type": "EXTERNAL"},
    {"source_prefix_ranges": [block("10.9.9.9", 32)]},
    {"source_ports": [4000]},
]


@pytest.mark.parametrize("at", range(1, len(ORDER)))
def test_an_earlier_property_outweighs_all_later_ones(at: int) -> None:
    later = {key: value for each in ORDER[at:] for key, value in each.items()}
    assert chosen(later=later, earlier=ORDER[at - 1]) == ["earlier"]


def test_envoy_never_goes_back_to_a_chain_it_passed_over() -> None:
    by_port = {"destination_port": 443, "server_names": ["other.example"]}
    assert chosen(by_port=by_port, anything={}) == []


def test_a_server_name_is_compared_without_regard_to_case() -> None:
    loud = replace(SEEN, server_name="WWW.Shop.Example")
    assert chosen(loud, only={"server_names": ["www.shop.example"]}) == ["only"]


def test_equal_matches_are_both_returned() -> None:
    assert chosen(one={"destination_port": 443}, two={"destination_port": 443}) == [
        "one",
        "two",
    ]


def test_the_reason_names_what_told_the_chains_apart() -> None:
    by_name = {"server_names": ["*.shop.example"]}
    choice = choose(chains(by_name=by_name, anything={}), SEEN)
    assert choice.why == "server name 'www.shop.example'"
    assert choose([], SEEN).why == "there are no chains"
    assert choose(chains(a={"destination_port": 1}), SEEN).why == (
        "no chain is for port 443"
    )


@given(st.permutations(range(len(ORDER))))
def test_the_order_of_the_chains_does_not_matter(order: list[int]) -> None:
    named = {f"c{at}": ORDER[at] for at in order}
    assert names(chains(**named), SEEN) == ["c0"]
