from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meltemi.pilot.trace import (
    Http,
    Problem,
    Stage,
    Tls,
    Way,
    trace,
)
from meltemi.testkit.held import (
    ANYWHERE,
    CALL,
    chain,
    held,
    inspector,
    listener,
    tcp,
    tls,
)


def test_the_listener_at_the_address_comes_before_the_one_at_any_address() -> None:
    everywhere = listener("any", ANYWHERE, 80, chain("c", tcp("a")))
    here = listener("here", "10.0.0.1", 80, chain("c", tcp("b")))
    found = held(everywhere, here)
    assert trace(found, CALL).listener == "here"
    assert trace(found, replace(CALL, address="10.0.0.2")).listener == "any"
    assert trace(found, replace(CALL, address="fd00::1")).problem is Problem.NO_LISTENER


def test_a_listener_may_have_more_addresses() -> None:
    more = [{"address": {"socket_address": {"address": "::", "port_value": 80}}}]
    both = listener("l", ANYWHERE, 80, chain("c", tcp("a")), additional_addresses=more)
    assert trace(held(both), replace(CALL, address="fd00::1")).listener == "l"


def test_what_nothing_is_bound_to_goes_where_redirection_leads() -> None:
    out = listener("out", ANYWHERE, 15001, chain("c", tcp("a")), use_original_dst=True)
    inward = listener("virtualInbound", ANYWHERE, 15006, chain("c", tcp("b")))
    assert trace(held(out, inward), CALL).listener == "out"
    assert trace(held(out, inward), replace(CALL, way=Way.INBOUND)).listener == (
        "virtualInbound"
    )
    assert trace(held(out), replace(CALL, way=Way.INBOUND)).problem is (
        Problem.NO_LISTENER
    )


def test_tls_is_seen_only_where_it_is_looked_for() -> None:
    secure = chain("secure", tcp("a"), filter_chain_match={"transport_protocol": "tls"})
    plain = chain("plain", tcp("b"))
    call = replace(CALL, tls=Tls("web"))

    def chosen(*filters: dict[str, Any]) -> str:
        one = listener(
            "l", "10.0.0.1", 80, secure, plain, listener_filters=list(filters)
        )
        return trace(held(one), call).chain

    elsewhere = {"destination_port_range": {"start": 80, "end": 81}}
    assert chosen() == "plain"
    assert chosen(inspector("tls_inspector")) == "secure"
    assert chosen(inspector("tls_inspector", **elsewhere)) == "plain"
    assert chosen(inspector("tls_inspector", not_match=elsewhere)) == "secure"
    either = {"rules": [elsewhere, {"not_match": {"any_match": True}}]}
    assert chosen(inspector("tls_inspector", or_match=either)) == "plain"
    assert chosen(inspector("tls_inspector", and_match=either)) == "secure"


@pytest.mark.parametrize(("version", "alpn"), [(1, "http/1.1"), (2, "h2c")])
def test_plain_http_is_recognised_where_it_is_looked_for(
    version: int, alpn: str
) -> None:
    named = chain(
        "http", tcp("a"), filter_chain_match={"application_protocols": [alpn]}
    )
    call = replace(CALL, http=Http(version=version))
    seeing = [inspector("http_inspector")]
    one = listener("l", "10.0.0.1", 80, named, listener_filters=seeing)
    assert trace(held(one), call).chain == "http"
    blind = listener("l", "10.0.0.1", 80, named)
    assert trace(held(blind), call).problem is Problem.NO_CHAIN
    assert trace(held(one), replace(CALL, http=None)).problem is Problem.NO_CHAIN


def test_the_default_chain_takes_what_no_other_takes() -> None:
    other = chain("other", tcp("a"), filter_chain_match={"destination_port": 1})
    one = listener(
        "l", "10.0.0.1", 80, other, default_filter_chain=chain("rest", tcp("b"))
    )
    assert trace(held(one), CALL).chain == "rest"


def test_chains_that_match_equally_well_are_a_fault() -> None:
    twins = listener("l", "10.0.0.1", 80, chain("a", tcp("a")), chain("b", tcp("b")))
    assert trace(held(twins), CALL).problem is Problem.MANY_CHAINS


def test_a_matcher_tree_is_not_guessed_at() -> None:
    one = listener("l", "10.0.0.1", 80, chain("a", tcp("a")), filter_chain_matcher={})
    assert trace(held(one), CALL).problem is Problem.NOT_MODELLED


@pytest.mark.parametrize(
    ("certificate", "client", "problem"),
    [
        (False, None, Problem.TLS),
        (False, Tls(), None),
        (True, Tls(), Problem.MUTUAL_TLS),
        (True, Tls(certificate=True), None),
    ],
)
def test_a_handshake_needs_what_the_chain_wants(
    client: Tls | None, problem: Problem | None, *, certificate: bool
) -> None:
    secure = chain("c", tcp("a"), transport_socket=tls(certificate=certificate))
    found = trace(
        held(listener("l", "10.0.0.1", 80, secure)), replace(CALL, tls=client)
    )
    assert found.problem is problem
    assert found.chain == "c"


@pytest.mark.parametrize(
    ("principal", "problem"),
    [
        ("spiffe://old/ns/a/sa/b", None),
        ("spiffe://other/ns/a/sa/b", Problem.MUTUAL_TLS),
        ("", None),
    ],
)
def test_a_certificate_of_a_domain_that_is_not_trusted_ends_the_handshake(
    principal: str, problem: Problem | None
) -> None:
    names = [
        {"san_type": "URI", "matcher": {"prefix": f"spiffe://{each}/"}}
        for each in ("new", "old")
    ]
    checks = {"match_typed_subject_alt_names": names}
    call = replace(CALL, tls=Tls(certificate=True, principal=principal))
    for context in (
        {"validation_context": checks},
        {"combined_validation_context": {"default_validation_context": checks}},
    ):
        socket = tls(certificate=True)
        socket["typed_config"]["common_tls_context"] = context
        secure = chain("c", tcp("a"), transport_socket=socket)
        found = trace(held(listener("l", "10.0.0.1", 80, secure)), call)
        assert found.problem is problem
        said = next(each for each in found.steps if each.stage is Stage.HANDSHAKE)
        assert ("a name is wanted that begins with" in said.why) == bool(problem)


def test_a_foreign_transport_is_not_guessed_at_and_raw_buffer_is_plain() -> None:
    for name, problem in (("quic", Problem.NOT_MODELLED), ("raw_buffer", None)):
        secure = chain("c", tcp("a"), transport_socket={"name": name})
        call = replace(CALL, tls=Tls())
        found = trace(held(listener("l", "10.0.0.1", 80, secure)), call)
        assert found.problem is problem
