from __future__ import annotations

import pytest
import typer

from meltemi.config.kinds import KINDS
from meltemi.ctl.galley.target import several, target


@pytest.mark.parametrize(
    "words",
    [
        ["virtualservice", "reviews"],
        ["VirtualService/reviews"],
        ["vs", "reviews"],
        ["virtualservices/reviews"],
        ["virtualservices.networking.istio.io/reviews"],
    ],
)
def test_every_spelling_of_a_kind_means_the_same(words: list[str]) -> None:
    found = target(words, "shop")
    assert found.title == "virtualservice/reviews"
    assert found.path == (
        "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews"
    )


def test_without_a_namespace_the_default_one_is_meant_or_that_of_the_name() -> None:
    assert target(["pa"], "").namespace == "default"
    assert target(["pa", "a"], "").full_title == "peerauthentication/a.default"
    found = target(["pa/a.b.shop"], "")
    assert (found.name, found.namespace) == ("a.b", "shop")
    dotted = target(["pa", "a.b"], "shop")
    assert (dotted.name, dotted.namespace) == ("a.b", "shop"), "-n was said"


def test_several_kinds_stand_in_one_word() -> None:
    found = several(["vs,dr,virtualservice"], "")
    assert [each.kind.name for each in found] == ["VirtualService", "DestinationRule"]
    assert [each.title for each in several(["vs,dr", "a", "b"], "")] == [
        "virtualservice/a",
        "virtualservice/b",
        "destinationrule/a",
        "destinationrule/b",
    ]
    assert [each.kind for each in several(["all"], "")] == list(KINDS)
    for words in (["all", "a"], ["vs/a", "b"], ["vs/"], ["vs,nope"]):
        with pytest.raises(typer.BadParameter):
            several(words, "")


def test_a_misspelt_kind_is_told_what_was_meant() -> None:
    with pytest.raises(typer.BadParameter, match="did you mean virtualservice"):
        target(["virtualservise", "reviews"], "default")


def test_too_many_words_are_refused() -> None:
    with pytest.raises(typer.BadParameter, match="expected KIND NAME"):
        target(["vs", "a", "b"], "default")


@pytest.mark.parametrize(
    "words", [["vs/a", "dr/b"], ["vs", "a", "b"], ["vs/a"], ["vs", "a"]]
)
def test_several_objects_are_named_at_once(words: list[str]) -> None:
    found = several(words, "default")
    assert [each.name for each in found] == ["a", "b"][: len(found)]
    assert len(found) == (1 if words in (["vs/a"], ["vs", "a"]) else 2)
