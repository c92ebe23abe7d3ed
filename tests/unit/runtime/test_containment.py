from __future__ import annotations

from meltemi.runtime.containment import Failed, Made, contained


def test_a_result_comes_back_as_made() -> None:
    assert contained(lambda: 7) == Made(7)


def test_a_failure_comes_back_instead_of_spreading() -> None:
    result = contained(lambda: int("seven"))
    assert isinstance(result, Failed)
    assert isinstance(result.error, ValueError)
