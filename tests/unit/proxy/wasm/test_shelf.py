from __future__ import annotations

from meltemi.proxy.wasm.shelf import MOST_KEPT, Kept, Shelf, decode, encode


def kept(name: str, size: int = 10, file: str = "") -> Kept:
    return Kept(name, file or f"{name}.wasm", size)


def shelf(*every: Kept) -> Shelf:
    made = Shelf()
    for each in every:
        made = made.with_used(each)
    return made


def keys(made: Shelf) -> list[str]:
    return [each.key for each in made.every]


def test_what_was_not_used_longest_goes_first() -> None:
    made = shelf(kept("a"), kept("b"), kept("c")).with_used(kept("a"))
    assert keys(made.within(20, ())) == ["c", "a"]


def test_what_envoy_runs_stays_beyond_the_limit() -> None:
    made = shelf(kept("a"), kept("b"), kept("c"))
    assert keys(made.within(10, {"a.wasm"})) == ["a"]
    assert keys(made.within(20, {"a.wasm"})) == ["a", "c"]


def test_one_module_under_two_keys_counts_once() -> None:
    made = shelf(kept("a", file="x"), kept("b", file="x"))
    assert made.size == 10
    assert keys(made.within(10, ())) == ["a", "b"]


def test_there_are_only_so_many() -> None:
    made = shelf(*(kept(str(each), 1) for each in range(MOST_KEPT + 5)))
    assert len(made.within(1_000_000, ()).every) == MOST_KEPT


def test_the_index_comes_back_and_a_bad_one_is_empty() -> None:
    made = shelf(kept("a"), kept("b"))
    assert decode(encode(made)) == made
    assert decode(b"torn") == Shelf()
    assert made.find("b") == kept("b")
    assert made.only({"a.wasm"}).find("b") is None
