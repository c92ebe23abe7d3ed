"""Whatever comes in: objects or findings, never another error (F-48, R-18).

The bulk is grown from seeds, each test its own; hypothesis makes small what it finds.
``make test-full`` tries over 200,000 inputs.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.config.kinds import KINDS
from meltemi.config.values import decode_value
from meltemi.testkit.door import read_any
from meltemi.testkit.grower import HALF_SPELLED, grow_document, mutate, spell_json

if TYPE_CHECKING:
    from meltemi.config.kinds import Kind

pytestmark = pytest.mark.timeout(900)
FEW, MANY = 25, 8_000
FEW_TEXTS, MANY_TEXTS = 300, 70_000


def try_object(kind: Kind, rng: Random) -> bool:
    """Grow an object, read it, now and then in both spellings; tell if rules saw it."""
    document = grow_document(kind, rng)
    text = spell_json(document)
    taken = read_any(text)
    if HALF_SPELLED in text:
        assert not taken, "no text in UTF-8 holds half a character"
    elif rng.randrange(10) == 0:
        spelled = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
        assert read_any(spelled.encode()) == taken, "both spellings mean the same"
    try:
        msgspec.convert(document["spec"], kind.spec, dec_hook=decode_value)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_any_object_of_a_kind_gives_an_object_or_findings(kind: Kind) -> None:
    rng = Random(kind.name)  # noqa: S311 - a test that repeats itself
    seen = sum(try_object(kind, rng) for _ in range(FEW))
    assert seen, "no rule saw any"


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_thousands_of_objects_of_a_kind_give_objects_or_findings(kind: Kind) -> None:
    rng = Random(f"many {kind.name}")  # noqa: S311 - as above
    seen = sum(try_object(kind, rng) for _ in range(MANY))
    assert seen > MANY // 20, "the rules see too few"


@settings(deadline=None)
@given(rng=st.randoms(), kind=st.sampled_from(KINDS))
def test_what_breaks_a_rule_is_made_small(rng: Random, kind: Kind) -> None:
    try_object(kind, rng)


def mutants(number: int, seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - as above
    texts = [
        yaml.safe_dump(grow_document(kind, rng), allow_unicode=True).encode()
        for kind in KINDS
        for _ in range(3)
    ]
    texts += [spell_json(grow_document(kind, rng)) for kind in KINDS]
    texts.append(b"\n---\n".join(texts[:3]))
    for _ in range(number):
        read_any(mutate(rng.choice(texts), rng))


def test_any_broken_text_gives_objects_or_findings() -> None:
    mutants(FEW_TEXTS, 1)


@pytest.mark.full
def test_thousands_of_broken_texts_give_objects_or_findings() -> None:
    mutants(MANY_TEXTS, 2)
