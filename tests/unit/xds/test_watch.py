from __future__ import annotations

from meltemi.xds.held import Held
from meltemi.xds.watch import Push, Refusal, Watch


def sent(watch: Watch, target: dict[str, str]) -> Push:
    push = watch.offer(target)
    assert push is not None, f"nothing was offered of {target}"
    return push


def accept(watch: Watch, target: dict[str, str]) -> None:
    watch.settle(sent(watch, target).nonce)


def test_a_proxy_is_sent_only_what_it_does_not_hold() -> None:
    watch = Watch(holds=Held({"kept": "v1", "old": "v1"}))
    push = sent(watch, {"kept": "v1", "old": "v2", "new": "v1"})
    assert push.upsert == {"old": "v2", "new": "v1"}
    assert push.remove == frozenset()


def test_a_second_response_waits_for_the_answer_to_the_first() -> None:
    watch = Watch()
    first = sent(watch, {"a": "v1"})
    assert watch.offer({"a": "v2"}) is None
    watch.settle(first.nonce)
    assert sent(watch, {"a": "v2"}).upsert == {"a": "v2"}


def test_an_answer_to_an_older_response_changes_nothing() -> None:
    watch = Watch()
    push = sent(watch, {"a": "v1"})
    assert not watch.settle("older")
    assert watch.flight is push


def test_a_refused_version_is_not_offered_again_but_its_successor_is() -> None:
    watch = Watch()
    accept(watch, {"listener": "v1"})
    poison = sent(watch, {"listener": "v2"})
    watch.settle(poison.nonce, error="port in use")

    assert watch.holds == {"listener": "v1"}, "the proxy keeps its last good version"
    assert watch.refused == {"listener": Refusal("v2", "port in use")}
    assert watch.offer({"listener": "v2"}) is None, "no NACK loop"
    assert sent(watch, {"listener": "v3"}).upsert == {"listener": "v3"}


def test_a_refusal_is_forgotten_when_a_later_version_is_accepted() -> None:
    watch = Watch()
    watch.settle(sent(watch, {"a": "bad"}).nonce, error="no")
    accept(watch, {"a": "good"})
    assert watch.refused == {}


def test_a_refusal_is_forgotten_when_its_resource_leaves() -> None:
    watch = Watch()
    watch.settle(sent(watch, {"a": "bad"}).nonce, error="no")
    watch.offer({})
    assert watch.refused == {}


def test_a_refusal_is_forgotten_when_its_version_is_taken_back() -> None:
    watch = Watch()
    accept(watch, {"a": "v1"})
    watch.settle(sent(watch, {"a": "bad"}).nonce, error="no")
    assert sent(watch, {"a": "v1"}).upsert == {"a": "v1"}, "Envoy may wait for it"
    assert watch.refused == {}


def test_a_refused_batch_is_halved_until_the_culprit_stands_alone() -> None:
    watch = Watch()
    target = {f"r{number:03}": "v1" for number in range(1000)} | {"r500": "poison"}
    rounds = 0
    while (push := watch.offer(target)) is not None:
        bad = "poison" in push.upsert.values()
        watch.settle(push.nonce, error="something is bad" if bad else None)
        rounds += 1
    assert set(watch.refused) == {"r500"}
    assert len(watch.holds) == len(target) - 1, "everything else is in place"
    assert rounds <= 30, "reliability R-09"


def test_what_was_refused_is_put_back_to_the_version_before() -> None:
    watch = Watch()
    accept(watch, {"c": "good"})
    watch.settle(sent(watch, {"c": "bad"}).nonce, error="no")
    push = watch.offer({"c": "bad"}, spare={"c": {"good"}})
    assert push is not None, "Envoy warms what it refused, and waits for it"
    assert push.upsert == {"c": "good"}
    watch.settle(push.nonce)
    assert watch.refused == {"c": Refusal("bad", "no")}
    assert watch.offer({"c": "bad"}, spare={"c": {"good"}}) is None


def test_what_was_refused_and_never_held_is_taken_away() -> None:
    watch = Watch()
    watch.settle(sent(watch, {"c": "bad"}).nonce, error="no")
    push = watch.offer({"c": "bad"}, removals=False)
    assert push is not None
    assert push.remove == {"c"}
    watch.settle(push.nonce)
    assert watch.offer({"c": "bad"}) is None


def test_what_cannot_be_put_back_any_more_is_taken_away() -> None:
    watch = Watch(
        holds=Held({"c": "good"}), warms=True
    )  # it comes from a Pilot that is gone
    watch.settle(sent(watch, {"c": "bad"}).nonce, error="no")
    push = watch.offer({"c": "bad"}, removals=False)
    assert push is not None, "Envoy warms what it refused, and waits for it"
    assert push.remove == {"c"}
    watch.settle(push.nonce)
    assert watch.offer({"c": "bad"}) is None
    assert sent(watch, {"c": "good"}).upsert == {"c": "good"}, "it comes with the cure"


def test_what_was_refused_is_taken_away_though_nobody_wants_it_any_more() -> None:
    watch = Watch()
    watch.settle(sent(watch, {"c": "bad"}).nonce, error="no")
    push = watch.offer({}, removals=False)
    assert push is not None
    assert push.remove == {"c"}


def test_a_listener_that_cannot_be_put_back_goes_on_as_it_was() -> None:
    watch = Watch(holds=Held({"l": "good"}))
    watch.settle(sent(watch, {"l": "bad"}).nonce, error="no")
    assert watch.offer({"l": "bad"}) is None


def test_a_proxy_is_freed_of_what_it_refused_before_it_is_sent_anything() -> None:
    watch = Watch()
    accept(watch, {"c": "good"})
    watch.settle(sent(watch, {"c": "bad"}).nonce, error="no")
    target = {"c": "better", "d": "maybe bad, too"}
    push = watch.offer(target, spare={"c": {"good"}})
    assert push is not None
    assert push.upsert == {"c": "good"}, "Envoy takes no cure beside a bad cluster"
    watch.settle(push.nonce)
    assert sent(watch, target).upsert == target


def test_a_proxy_that_refuses_what_is_put_back_is_rid_of_both() -> None:
    watch = Watch(warms=True)
    accept(watch, {"c": "good"})
    watch.settle(sent(watch, {"c": "bad"}).nonce, error="no")
    push = watch.offer({"c": "bad"}, spare={"c": {"good"}})
    assert push is not None
    watch.settle(push.nonce, error="no to that too")
    away = watch.offer({"c": "bad"}, spare={"c": {"good"}})
    assert away is not None
    assert not away.upsert
    assert away.remove == {"c"}
    watch.settle(away.nonce)
    assert watch.offer({"c": "bad"}, spare={"c": {"good"}}) is None, "no NACK loop"
    assert watch.refused == {"c": Refusal("bad", "no")}


def test_envoys_words_spare_the_halving() -> None:
    watch = Watch()
    target = {"a": "v1", "a|v1|b": "v1", "ab": "v1", "c": "bad"}
    push = sent(watch, target)
    error = "Error adding/updating cluster(s) c: not prime, a|v1|b: no such thing"
    watch.settle(push.nonce, error=error)
    assert set(watch.refused) == {"c", "a|v1|b"}, "and not a, which is only a part"
    cure = sent(watch, target)
    assert cure.remove == {"c", "a|v1|b"}
    watch.settle(cure.nonce)
    again = sent(watch, target)
    assert again.upsert == {"a": "v1", "ab": "v1"}, "the rest at once"


def test_what_a_refused_batch_may_have_left_behind_is_removed_again() -> None:
    watch = Watch()
    push = sent(watch, {"a": "v1", "b": "bad"})
    watch.settle(push.nonce, error="one of them is bad")
    assert sent(watch, {}).remove == {"a", "b"}, "Envoy keeps the good part"


def test_a_name_nobody_knows_is_answered_with_its_removal() -> None:
    watch = Watch(names=frozenset())
    watch.subscribe(["ghost"])
    assert sent(watch, {}).remove == {"ghost"}, "silence would stall Envoy's start"


def test_subscribing_again_sends_a_fresh_copy() -> None:
    watch = Watch(names=frozenset({"a"}), holds=Held({"a": "v1"}))
    assert watch.offer({"a": "v1"}) is None
    watch.subscribe(["a"])
    assert sent(watch, {"a": "v1"}).upsert == {"a": "v1"}


def test_what_the_proxy_dropped_is_not_removed() -> None:
    watch = Watch(names=frozenset({"a"}), holds=Held({"a": "v1"}))
    watch.unsubscribe(["a"])
    assert watch.offer({}) is None


def test_resending_reaches_what_is_in_flight_too() -> None:
    watch = Watch(names=frozenset({"a"}))
    push = sent(watch, {"a": "v1"})
    watch.resend(["a", "unknown"])
    watch.settle(push.nonce)
    assert sent(watch, {"a": "v1"}).upsert == {"a": "v1"}
    assert watch.again == set()


def test_removals_can_be_held_back() -> None:
    watch = Watch(holds=Held({"a": "v1"}))
    assert watch.offer({}, removals=False) is None
    assert sent(watch, {}).remove == {"a"}


def test_a_refused_removal_does_not_come_back_for_ever() -> None:
    watch = Watch(holds=Held({"a": "v1"}))
    watch.settle(sent(watch, {}).nonce, error="cannot remove")
    assert watch.offer({}) is None


def test_a_few_changed_clusters_go_one_by_one_to_a_proxy_that_runs() -> None:
    watch = Watch(warms=True)
    accept(watch, {"a": "1", "b": "1"})
    push = sent(watch, {"a": "2", "b": "2"})
    assert push.upsert == {"a": "2"}, "a bad one beside a good one is never answered"
    watch.settle(push.nonce)
    assert sent(watch, {"a": "2", "b": "2"}).upsert == {"b": "2"}


def test_what_is_dropped_while_something_is_on_its_way_is_not_held() -> None:
    watch = Watch(names=frozenset({"a", "b"}), holds=Held({"b": "v1"}))
    push = watch.offer({"a": "v1", "b": "v1"})
    assert push is not None
    assert push.upsert == {"a": "v1"}
    watch.unsubscribe({"b"})
    assert watch.settle(push.nonce)
    assert watch.holds == {"a": "v1"}
