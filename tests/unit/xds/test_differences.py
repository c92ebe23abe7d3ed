"""What leads from one state to another: found once, and right."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from meltemi.xds.differences import MOST, Differences
from meltemi.xds.held import Held
from meltemi.xds.layers import Layers, layered, layers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = st.sampled_from("abcdefg")
VERSIONS = st.dictionaries(NAMES, st.sampled_from(("1", "2")))


@st.composite
def states(draw: st.DrawFn) -> Mapping[str, str]:
    """Draw versions by name, in one layer or in two."""
    every = draw(VERSIONS)
    under = draw(st.frozensets(NAMES))
    one = {name: every[name] for name in every if name in under}
    other = {name: every[name] for name in every if name not in under}
    return draw(st.sampled_from((dict(every), Layers((one, other)))))


@given(earlier=states(), later=states())
def test_a_difference_is_what_is_lacking_and_what_is_gone(
    earlier: Mapping[str, str], later: Mapping[str, str]
) -> None:
    found = Differences().between(earlier, later)
    assert dict(found.lacking) == {
        name: version for name, version in later.items() if earlier.get(name) != version
    }
    assert found.gone == set(earlier) - set(later)


def test_what_was_compared_is_the_same_object_for_the_next() -> None:
    differences = Differences()
    shared, changed = {"a": "1", "b": "1"}, {"a": "2", "b": "1"}
    one, other = Layers((shared, {"x": "1"})), Layers((shared, {"y": "1"}))
    first = differences.between(one, Layers((changed, one.parts[1])))
    second = differences.between(other, Layers((changed, other.parts[1])))
    assert first.lacking is second.lacking
    assert first.lacking == {"a": "2"}


def test_what_revisions_do_not_ask_for_any_more_is_forgotten() -> None:
    differences, old = Differences(), {"a": "1"}
    names = differences.interned(frozenset("ab"))
    kept = weakref.WeakSet[frozenset[str]]({names})
    differences.between(old, {"a": "2"})
    differences.among(names, old, "")
    for revision in ("3", "4"):
        differences.turn()
        differences.between({"b": revision}, {"b": ""})
        differences.among(differences.interned(frozenset(revision)), old, "")
    held = [*differences.found.newer.values(), *differences.found.older.values()]
    assert [each[0] for each in held] == [{"b": "4"}, {"b": "3"}]
    del names
    assert not kept, "nobody names them any more"


def test_a_mesh_that_does_not_change_makes_it_remember_no_more_and_more() -> None:
    differences, available = Differences(), {"a": "1", "b": "1"}
    for number in range(3 * MOST):
        names = differences.interned(frozenset({"a", f"{number}"}))
        assert differences.among(names, available, "") == {"a": "1"}
    held = differences.chosen
    assert len(held.newer) + len(held.older) <= 2 * MOST


def test_who_names_all_there_is_is_given_what_all_share() -> None:
    differences = Differences()
    available = {"a": "1", "b": "1"}
    every = differences.interned(frozenset("ab"))
    assert differences.interned(frozenset("ba")) is every
    assert differences.among(every, available, "none") is available
    more = differences.interned(frozenset("abc"))
    assert differences.among(more, available, "none") == {**available, "c": "none"}
    assert differences.among(more, available, "") == available


@given(
    base=VERSIONS,
    steps=st.lists(st.one_of(VERSIONS, NAMES)),
)
def test_what_is_held_is_what_was_put_and_not_dropped(
    base: dict[str, str], steps: list[dict[str, str] | str]
) -> None:
    held, wanted = Held(base), dict(base)
    for step in steps:
        if isinstance(step, str):
            held.drop(step)
            wanted.pop(step, None)
        else:
            held.put(step)
            wanted |= step
        assert dict(held) == wanted
        assert len(held) == len(wanted)
        assert bool(held) == bool(wanted)
        assert {each for each in "abcdefg" if each in held} == set(wanted)
    assert held.changed.keys() <= set("abcdefg")
    held.become({"z": "9"})
    assert dict(held) == {"z": "9"}


def test_layers_are_one_mapping_and_not_copied() -> None:
    one, other = {"a": 1}, {"b": 2}
    both = layered((one, {}, other))
    assert dict(both) == {"a": 1, "b": 2}
    assert "a" in both
    assert "c" not in both
    assert layers_of(both) == (one, other)
    assert layered((one, {})) is one
    assert dict(layered(())) == {}
