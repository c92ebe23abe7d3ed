"""Making things once for all proxies that answer alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meltemi.pilot.scope.observed import Shared, answer
from meltemi.pilot.scope.proxy import ProxyClass, Role

WEB = ProxyClass(
    Role.SIDECAR, "shop", (("app", "web"), ("version", "v1")), addresses=("10.0.0.1",)
)


def named(group: ProxyClass) -> str:
    return f"{group.namespace}/{group.label_map.get('app')}"


def counted(calls: list[ProxyClass], group: ProxyClass) -> str:
    calls.append(group)
    return named(group)


def test_what_nobody_asked_for_makes_no_difference() -> None:
    shared, calls = Shared[str](), list[ProxyClass]()
    other = replace(WEB, labels=(("app", "web"),), addresses=("10.0.0.2",))
    for group in (WEB, other):
        assert shared.of(group, lambda asked: counted(calls, asked)) == "shop/web"
    assert len(calls) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(WEB, namespace="bank"),
        replace(WEB, labels=(("app", "db"),)),
        replace(WEB, labels=()),
    ],
)
def test_another_answer_is_made_for_anew(other: ProxyClass) -> None:
    shared, calls = Shared[str](), list[ProxyClass]()
    for group in (WEB, other, WEB, other):
        made = shared.of(group, lambda asked: counted(calls, asked))
        assert made == named(group)
    assert len(calls) == 2


def test_who_looks_at_all_labels_depends_on_all() -> None:
    shared, calls = Shared[int](), list[ProxyClass]()

    def count(group: ProxyClass) -> int:
        calls.append(group)
        return len(dict(group.label_map))

    assert shared.of(WEB, count) == 2
    assert shared.of(replace(WEB, labels=(("app", "web"),)), count) == 1
    assert len(calls) == 2


def test_questions_may_depend_on_answers() -> None:
    shared = Shared[str]()

    def choose(group: ProxyClass) -> str:
        return group.dns_domain if group.namespace == "bank" else "any"

    bank = replace(WEB, namespace="bank", dns_domain="a")
    assert shared.of(WEB, choose) == "any"
    assert shared.of(replace(WEB, dns_domain="b"), choose) == "any"
    assert shared.of(bank, choose) == "a"
    assert shared.of(replace(bank, dns_domain="b"), choose) == "b"


def test_an_attribute_of_the_node_is_one_question() -> None:
    shared, calls = Shared[str](), list[ProxyClass]()

    def cluster(group: ProxyClass) -> str:
        calls.append(group)
        return group.node.cluster

    north = replace(WEB, node=replace(WEB.node, cluster="north"))
    moved = replace(north, node=replace(north.node, workload_name="else"))
    for group in (WEB, north, moved):
        assert shared.of(group, cluster) == group.node.cluster
    assert len(calls) == 2


def test_a_question_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be asked"):
        answer(WEB, ("a", "b", "c"))
