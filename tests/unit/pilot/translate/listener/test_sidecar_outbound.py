from __future__ import annotations

from meltemi.testkit.small_mesh import TCP, ask, listener, names, service, sidecar


def test_two_spellings_of_one_range_are_one_and_the_oldest_has_it() -> None:
    held = sidecar(
        service("a", TCP, more="resolution: NONE, addresses: [10.1.2.3/16]")
        + service("b", TCP, more="resolution: NONE, addresses: [10.1.4.5/16]")
    )
    (chain,) = listener(held, "0.0.0.0_80").filter_chains
    (found,) = chain.filter_chain_match.prefix_ranges
    assert found.address_prefix == "10.1.2.3"
    answer = ask(held, "a/", address="10.1.9.9")
    assert names(answer) == ["outbound|80||a.default.svc.cluster.local"]
