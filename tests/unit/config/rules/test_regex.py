from __future__ import annotations

from time import perf_counter

import pytest

from meltemi.config.rules.regex import LONGEST, check_regex


@pytest.mark.parametrize("pattern", ["/v[0-9]+", "(?i)a", r"\p{L}+", "a{1000}"])
def test_what_envoy_s_engine_takes_is_right(pattern: str) -> None:
    assert list(check_regex("spec", pattern)) == []


@pytest.mark.parametrize(
    "pattern", ["(", "(?=a)", r"(a)\1", "a{1001}", "((a{100}){100}){100}", "[z-a]"]
)
def test_t6_what_it_refuses_or_would_choke_on_is_told(pattern: str) -> None:
    (found,) = check_regex("spec", pattern)
    assert found.message.startswith("RE2 refuses")


def test_a_regex_over_istio_s_limit_is_refused() -> None:
    (found,) = check_regex("spec", "a" * (LONGEST + 1))
    assert "longer than 1024 bytes" in found.message


@pytest.mark.parametrize("pattern", ["(a+)+$", "(" * 65_536, "(a|aa)*b"])
def test_case_58_and_t6_a_pattern_that_others_choke_on_costs_milliseconds(
    pattern: str,
) -> None:
    spent = []
    for _ in range(5):  # the machine may be busy: the fastest counts
        begun = perf_counter()
        refused = list(check_regex("spec", pattern))
        spent.append(perf_counter() - begun)
    assert min(spent) < 0.02
    assert bool(refused) == (len(pattern) > LONGEST)
