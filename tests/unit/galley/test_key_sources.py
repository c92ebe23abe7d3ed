from __future__ import annotations

from meltemi.config.canonical import stored as encoded
from meltemi.config.key_sets import KeySource
from meltemi.config.ledger_keys import ledger_key
from meltemi.galley.key_sources import KeySources
from meltemi.kernel.names import Epoch, Revision
from meltemi.store.ports import Entry, Listing, Mutation, Step
from meltemi.testkit.mesh import resources

EPOCH = Epoch("cafe")


def stored(rules: str, name: str = "a") -> Entry:
    (made,) = resources(
        f"""
        apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata: {{name: {name}}}
        spec: {{jwtRules: [{rules}]}}
        """
    )
    key = ledger_key("default", made.key)
    return Entry(key, encoded(made), Revision(2), Revision(2))


def test_sources_are_named_by_rules_without_keys_of_their_own() -> None:
    rung: list[bool] = []
    sources = KeySources(lambda: rung.append(True))
    entry = stored(
        "{issuer: https://a}, {issuer: b, jwks: '{\"keys\":[]}'},"
        " {issuer: c, jwksUri: https://c/keys, timeout: 2s}"
    )
    sources.replace(Listing(EPOCH, Revision(2), (entry,)))
    assert sources.wanted == {
        KeySource("https://a", ""): 5.0,
        KeySource("c", "https://c/keys"): 2.0,
    }
    assert rung == [True]


def test_sources_follow_what_changes_and_the_patient_rule_wins() -> None:
    sources = KeySources(lambda: None)
    first = stored("{issuer: https://a, timeout: 90s}")
    second = stored("{issuer: https://a, timeout: 1s}", "b")
    mutations = tuple(Mutation(e.key, e.value, None) for e in (first, second))
    sources.step(Step(EPOCH, Revision(3), mutations))
    assert sources.wanted == {KeySource("https://a", ""): 30.0}
    sources.step(Step(EPOCH, Revision(4), (Mutation(first.key, None, first.value),)))
    assert sources.wanted == {KeySource("https://a", ""): 1.0}
    sources.replace(Listing(EPOCH, Revision(5), ()))
    assert sources.wanted == {}


def test_what_cannot_be_read_names_nobody() -> None:
    sources = KeySources(lambda: None)
    broken = Mutation(stored("{issuer: https://a}").key, b"{", None)
    sources.step(Step(EPOCH, Revision(3), (broken,)))
    assert sources.wanted == {}
