from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.config.kinds import KIND_BY_NAME
from meltemi.events import RestListing
from meltemi.events.listing import UnlistableError

if TYPE_CHECKING:
    from collections.abc import Mapping

GATEWAYS, RULES = KIND_BY_NAME["Gateway"], KIND_BY_NAME["DestinationRule"]


def listed(revision: str, *items: tuple[str, str]) -> bytes:
    found = [
        {"metadata": {"namespace": "a", "name": name, "resourceVersion": at}}
        for name, at in items
    ]
    body = {"metadata": {"resourceVersion": revision}, "items": found}
    return json.dumps(body).encode()


class Api:
    """Answers each kind with a text, from a ledger."""

    def __init__(self, gateways: bytes, rules: bytes, epochs: str = "ab,ab") -> None:
        self.bodies = {"gateways": gateways, "destinationrules": rules}
        self.epochs = dict(zip(self.bodies, epochs.split(","), strict=True))

    async def fetch(self, path: str) -> tuple[Mapping[str, str], bytes]:
        plural = path.rpartition("/")[2]
        epoch = self.epochs[plural]
        return {"Meltemi-Epoch": epoch} if epoch else {}, self.bodies[plural]

    def listing(self) -> RestListing:
        return RestListing(self.fetch, kinds=[GATEWAYS, RULES])


async def test_what_is_there_is_of_the_oldest_list() -> None:
    api = Api(listed("9", ("edge", "4")), listed("7", ("one", "2"), ("two", "7")))
    present = await api.listing()()
    assert (present.epoch, present.revision) == ("ab", 7)
    at = {key.rpartition("/")[2]: each[0] for key, each in present.objects.items()}
    assert at == {"edge": 4, "one": 2, "two": 7}
    assert b'"name": "one"' in next(
        value for key, (_, value) in present.objects.items() if key.endswith("/one")
    )


@pytest.mark.parametrize(
    "api",
    [
        Api(listed("9"), listed("7"), "ab,cd"),
        Api(listed("9"), listed("7"), ","),
        Api(listed("9"), b"{}"),
        Api(listed("9"), listed("x")),
        Api(b"<html>", listed("7")),
    ],
)
async def test_lists_that_do_not_fit_together_are_asked_for_again(api: Api) -> None:
    with pytest.raises(UnlistableError) as refused:
        await api.listing()()
    assert refused.value.blame == "peer"
