from __future__ import annotations

import pytest

from meltemi.ctl.containers.places import PLACES, Newcomer
from meltemi.ctl.local.accounts import ACCOUNTS


def test_every_account_has_a_service_and_no_server_but_ours_has_one() -> None:
    assert {each.account for each in PLACES} - {""} == set(ACCOUNTS)
    assert {each.name for each in PLACES if each.administers} == {"citadel", "galley"}


def test_a_newcomer_is_spelled_with_its_identity() -> None:
    assert Newcomer.parse("web=shop/till") == Newcomer("web", "shop", "till")


@pytest.mark.parametrize(
    "text", ["web", "web=shop", "=shop/till", "web=/till", "../web=a/b", "..=a/b"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NAME=NAMESPACE/ACCOUNT"):
        Newcomer.parse(text)
