from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.galley.permission import Administrator, Bearer, DirectorySource, Scope
from meltemi.galley.refusals import ReservedError
from meltemi.galley.reserved import SOURCE, check_reserved, claimed_as, unclaimed

if TYPE_CHECKING:
    from meltemi.config.schema.message import Message
    from meltemi.galley.permission import Caller

EVERYTHING = Bearer("ci", (Scope(("*",), ("*",), ("*",)),), "istio-system")


def rule(**metadata: dict[str, str]) -> Resource[Message]:
    return Resource(
        api_version="networking.istio.io/v1",
        kind="DestinationRule",
        metadata=msgspec.convert({"name": "rule", **metadata}, Metadata),
        spec=DestinationRule(host="a"),
    )


FREE = rule(labels={"team": "a"})
CLAIMED = rule(labels={"team": "a", SOURCE: "directory"})


@pytest.mark.parametrize("caller", [Administrator(), EVERYTHING])
@pytest.mark.parametrize("current", [None, FREE, rule(labels={SOURCE: "other"})])
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_nobody_else_claims_an_object_for_a_source(
    caller: Caller, current: Resource[Message] | None, field: str
) -> None:
    asked = rule(**{field: {SOURCE: "directory"}})
    with pytest.raises(ReservedError) as refused:
        check_reserved(caller, asked, current)
    assert f'metadata.{field}["{SOURCE}"]' in str(refused.value)


def test_what_was_read_is_written_back_and_may_be_given_up() -> None:
    check_reserved(EVERYTHING, CLAIMED, CLAIMED)
    check_reserved(EVERYTHING, FREE, CLAIMED)


def test_the_source_claims_what_it_wants() -> None:
    check_reserved(DirectorySource(), CLAIMED, FREE)


def test_a_former_version_is_whose_the_present_one_is() -> None:
    assert claimed_as(CLAIMED, FREE) == FREE
    assert claimed_as(FREE, CLAIMED) == CLAIMED
    assert claimed_as(CLAIMED, None) == FREE == unclaimed(CLAIMED)
