from __future__ import annotations

import pytest

from meltemi.config.spelling import LONGEST, did_you_mean, nearest

FIELDS = ("sourceLabels", "sourceNamespace", "statPrefix", "uri")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("sourcelabels", "sourceLabels"),
        ("source_labels", "sourceLabels"),
        ("soruceLabels", "sourceLabels"),
        ("sourceLabel", "sourceLabels"),
        ("ur", "uri"),
        ("url", "uri"),
        ("gateways", None),
        ("", None),
        ("u" * (LONGEST + 1), None),
    ],
)
def test_a_slip_of_the_hand_is_understood(word: str, meant: str | None) -> None:
    assert nearest(word, FIELDS) == meant


def test_the_hint_names_the_word_or_nothing() -> None:
    assert did_you_mean("prot", ("port",)) == "did you mean 'port'?"
    assert did_you_mean("gateways", ()) == ""
