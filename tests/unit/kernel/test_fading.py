"""A mapping that forgets what is not in use."""

from __future__ import annotations

from meltemi.kernel.fading import FEWEST, Fading


def test_what_is_asked_for_between_turns_stays() -> None:
    held = Fading[int, str]()
    for number in range(2 * FEWEST):
        held.put(number, f"{number}")
    held.turn()
    assert held.get(7) == "7"
    for number in range(1000, 1000 + 2 * FEWEST):
        held.put(number, "")
    held.turn()
    assert held.get(7) == "7"
    assert held.get(8) is None, "nobody asked for it from one turn to the next"
    assert held.get(1000) == ""


def test_nothing_is_forgotten_while_little_is_put_in() -> None:
    held = Fading[int, str]()
    held.put(1, "one")
    for _ in range(5):
        held.turn()
    assert held.get(1) == "one"


def test_of_what_is_large_nothing_stays_that_was_not_asked_for() -> None:
    held = Fading[int, str](large=True)
    for number in range(3):
        held.put(number, f"{number}")
        held.turn()
    assert held.get(0) is None
    assert held.get(2) == "2"
    held.turn()
    assert held.get(2) == "2", "nothing was put in that could take its place"
