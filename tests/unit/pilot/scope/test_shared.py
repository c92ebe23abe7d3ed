"""Making things once for all that answer alike, and as long as they do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meltemi.pilot.scope.proxy import ProxyClass, Role
from meltemi.pilot.scope.scope import Scope, Target
from meltemi.pilot.scope.shared import GROUNDS, ByClass, ByScope, Grounds, Memory
from meltemi.testkit.mesh import sidecar_scope
from meltemi.testkit.small_mesh import service, the

WEB = ProxyClass(
    Role.SIDECAR, "shop", (("app", "web"), ("version", "v1")), addresses=("10.0.0.1",)
)

SERVERS = "servers: [{hosts: ['*'], port: {number: 80, name: http, protocol: HTTP}}]"


def named(group: ProxyClass) -> str:
    return f"{group.namespace}/{group.label_map.get('app')}"


def counted(calls: list[ProxyClass], group: ProxyClass) -> str:
    calls.append(group)
    return named(group)


def test_what_nobody_asked_for_makes_no_difference() -> None:
    shared, calls = ByClass[str](), list[ProxyClass]()
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
    shared, calls = ByClass[str](), list[ProxyClass]()
    for group in (WEB, other, WEB, other):
        made = shared.of(group, lambda asked: counted(calls, asked))
        assert made == named(group)
    assert len(calls) == 2


def test_who_looks_at_all_labels_depends_on_all() -> None:
    shared, calls = ByClass[int](), list[ProxyClass]()

    def count(group: ProxyClass) -> int:
        calls.append(group)
        return len(dict(group.label_map))

    assert shared.of(WEB, count) == 2
    assert shared.of(replace(WEB, labels=(("app", "web"),)), count) == 1
    assert len(calls) == 2


def test_questions_may_depend_on_answers() -> None:
    shared = ByClass[str]()

    def choose(group: ProxyClass) -> str:
        return group.dns_domain if group.namespace == "bank" else "any"

    bank = replace(WEB, namespace="bank", dns_domain="a")
    assert shared.of(WEB, choose) == "any"
    assert shared.of(replace(WEB, dns_domain="b"), choose) == "any"
    assert shared.of(bank, choose) == "a"
    assert shared.of(replace(bank, dns_domain="b"), choose) == "b"


def test_an_attribute_of_the_node_is_one_question() -> None:
    shared, calls = ByClass[str](), list[ProxyClass]()

    def cluster(group: ProxyClass) -> str:
        calls.append(group)
        return group.node.cluster

    north = replace(WEB, node=replace(WEB.node, cluster="north"))
    moved = replace(north, node=replace(north.node, workload_name="else"))
    for group in (WEB, north, moved):
        assert shared.of(group, cluster) == group.node.cluster
    assert len(calls) == 2


def test_who_asks_whether_it_is_among_some_namespaces_differs_in_no_other() -> None:
    shared, calls = ByClass[str](), list[ProxyClass]()

    def home(group: ProxyClass) -> str:
        calls.append(group)
        return group.home(frozenset({"bank"}))

    assert shared.of(WEB, home) == ""
    assert shared.of(replace(WEB, namespace="farm"), home) == ""
    assert shared.of(replace(WEB, namespace="bank"), home) == "bank"
    assert len(calls) == 2


TEXT = service("reviews") + service("ratings")


def scope_of(text: str = TEXT, more: str = "") -> Scope:
    return sidecar_scope(text + more)


def test_what_was_made_of_a_scope_stays_while_the_mesh_answers_alike() -> None:
    kept, calls = ByScope[int](), list[Scope]()

    def count(scope: Scope) -> int:
        calls.append(scope)
        return len(scope.index.telemetries)

    first = scope_of()
    more = scope_of(more=service("details"))
    told = scope_of(more=the("Telemetry", "all", "tracing: [{}]"))
    held = kept.of(first, (), count)
    assert held.value == 0
    assert kept.of(more, (), count) is held
    assert len(calls) == 1, "no Telemetry, now as then"
    assert kept.of(told, (), count).value == 1
    assert len(calls) == 2


def test_what_a_property_of_a_scope_reads_is_asked_for() -> None:
    kept, calls = ByScope[bool](), list[Scope]()

    def attempts(scope: Scope) -> bool:
        calls.append(scope)
        return scope.counts_attempts

    first = scope_of()
    config = replace(first.config, domain_suffix="else")
    other = replace(first, index=replace(first.index, config=config))
    scopes = (first, replace(first, targets=()), other)
    held = [kept.of(scope, (), attempts) for scope in scopes]
    assert all(each.value for each in held)
    assert len(calls) == 2


def test_what_is_given_is_told_apart_by_its_identity() -> None:
    kept, scope = ByScope[object](), scope_of()
    one, twin = ["a"], ["a"]
    held = kept.of(scope, (one,), lambda _: one)
    assert held.value is one
    assert kept.of(scope, (one,), lambda _: twin) is held
    assert kept.of(scope, (twin,), lambda _: twin).value is twin


def test_where_one_thing_asked_something_new_all_go_by_the_answer() -> None:
    grounds = Grounds[object]()
    first = scope_of()
    told = scope_of(more=the("Telemetry", "all", "tracing: [{}]"))
    assert grounds.of(first).of(("a",), lambda _: "made first") == "made first"
    assert grounds.of(told).of(("a",), lambda _: "again") == "made first"
    count = grounds.of(first).of(("b",), lambda it: len(it.index.telemetries))
    assert count == 0
    count = grounds.of(told).of(("b",), lambda it: len(it.index.telemetries))
    assert count == 1
    assert grounds.of(first).of(("a",), lambda _: "lost") == "made first"


def test_hosts_are_asked_for_one_by_one() -> None:
    kept, calls = ByScope[int | None](), list[Scope]()

    def port(scope: Scope) -> int | None:
        calls.append(scope)
        return scope.only_port("reviews.default.svc.cluster.local")

    texts = (TEXT, TEXT + service("details"), service("reviews", "9 http HTTP"))
    held = [kept.of(scope_of(text), (), port) for text in texts]
    assert [each.value for each in held] == [80, 80, 9]
    assert len(calls) == 2


def test_what_is_kept_stands_while_nothing_it_asked_for_changed() -> None:
    scope = scope_of()
    listeners = ("a",)
    made = ByScope[int]().of(
        scope, listeners, lambda it: len(it.index.telemetries) + len(it.gateways)
    )
    assert made.stands(scope, frozenset({"services", "revision"}))
    assert not made.stands(scope, frozenset({"telemetries"}))
    with_gateway = scope_of(more=the("Gateway", "front", SERVERS))
    serving = replace(scope, gateways=with_gateway.index.gateways)
    assert not made.stands(serving, frozenset())


def test_what_a_workload_answers_for_is_not_asked_of_what_it_sees() -> None:
    scope = scope_of()
    made = ByScope[int]().of(scope, (), lambda it: len(it.targets) + len(it.own))
    (service, *_) = scope.services.values()
    target = Target(service, service.ports[0], 80)
    seen_by_another = replace(scope, targets=(target,), own=(service,))
    assert made.stands(seen_by_another, frozenset())


def test_of_many_ways_to_see_the_last_are_remembered() -> None:
    grounds = Grounds[int]()
    scope = scope_of()
    for number in range(2 * GROUNDS):
        group = replace(scope.group, namespace=f"n{number}")
        ground = grounds.of(replace(scope, group=group))
        assert ground.of(("home",), lambda it: int(it.group.namespace[1:])) == number
    assert len(grounds.known) == GROUNDS


def test_what_nobody_asks_any_more_is_forgotten_with_what_was_made() -> None:
    memory, calls = Memory(), list[ProxyClass]()
    for number in range(30):
        word = f"word-{number}"  # as labels that a policy selects by come and go

        def called(asking: ProxyClass, word: str = word) -> str:
            calls.append(asking)
            return asking.label_map.get(word, "")

        made = ByClass[str](memory)  # of this revision
        for _ in range(2):
            assert made.of(WEB, called) == ""
        assert len(calls) == number + 1
        memory.turn()
    ((_, answers),) = memory.said.newer.values()
    assert len(list(answers.values())) <= 2


def test_what_somebody_holds_is_given_to_others_however_late() -> None:
    kept, calls = ByScope[object](), list[Scope]()

    def lasting(scope: Scope) -> object:
        calls.append(scope)
        return object() if scope.group.namespace else None

    first = scope_of()
    had = kept.of(first, (), lasting)
    for number in range(100):
        group = replace(first.group, namespace=f"n{number}")
        kept.of(replace(first, group=group), (), lasting)
        kept.turn()
    assert kept.of(first, (), lasting) is had
    assert len(calls) == 101
    del had
    kept.turn()
    assert not kept.made, "nobody holds anything"
