"""Two ways of one thing, measured by turns."""

from __future__ import annotations

import os
import subprocess
import sys

import cores
import psutil
import pytest
from rounds import Round, by_turns, compared, interval


def test_rounds_begin_with_either_way_by_turns() -> None:
    order: list[str] = []

    def way(name: str, number: int) -> list[float]:
        order.append(f"{name}{number}")
        return [float(number), 2.0]

    rounds = list(by_turns(4, lambda n: way("a", n), lambda n: way("b", n)))
    assert order == ["a0", "b0", "b1", "a1", "a2", "b2", "b3", "a3"]
    assert [each.alone for each in rounds] == [[0, 2], [1, 2], [2, 2], [3, 2]]


def test_drift_between_rounds_is_no_difference() -> None:
    drifting = [Round([slow, 2 * slow], [slow, 2 * slow]) for slow in (1.0, 3.0, 9.0)]
    told = {each.name: each.value for each in compared("bad", drifting, 1.1)}
    assert told == {
        "bad, median of 3 rounds": 1,
        "bad, least of 3 rounds": 1,
        "bad, most of 3 rounds": 1,
        "bad, 95 % sure from": 1,
        "bad, 95 % sure to": 1,
    }


def test_the_target_is_of_the_median_of_the_rounds_ratios() -> None:
    rounds = [Round([1.0], [ratio]) for ratio in (1.3, 1.05, 1.0, 1.06, 0.9)]
    median, *others = compared("bad", rounds, 1.1)
    assert (median.value, median.met) == (1.05, True)
    assert {each.target for each in others} == {None}


def test_the_interval_lies_within_the_sample_and_is_the_same_each_time() -> None:
    sample = [0.98, 1.01, 1.02, 1.05, 1.06, 1.2, 0.9, 1.04]
    low, high = interval(sample)
    assert min(sample) <= low < 1.03 < high <= max(sample)
    assert interval(sample) == (low, high)


def test_who_is_measured_has_a_processor_of_its_own() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one processor only, of which nobody can have its own")
    argv = [sys.executable, "-c", "input()"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(argv, stdin=pipe) as one,
        subprocess.Popen(argv, stdin=pipe) as other,
    ):
        try:
            assert cores.separate(psutil.Process(one.pid), [other.pid])
            own, rest = os.sched_getaffinity(one.pid), os.sched_getaffinity(other.pid)
        finally:
            one.kill()
            other.kill()
    assert len(own) == 1
    assert own | rest == os.sched_getaffinity(0)
    assert not own & rest
