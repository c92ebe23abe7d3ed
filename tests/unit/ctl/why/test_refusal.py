from __future__ import annotations

import json

import pytest

from meltemi.ctl.why.hop import Hop, read
from meltemi.ctl.why.refusal import met

SENT = Hop(
    start_time="2030-01-01T00:00:10.000Z",
    duration=5,
    upstream_local_address="10.0.0.2:50818",
    upstream_host="10.0.0.3:9080",
)


def away(proxy: str = "api", **given: object) -> Hop:
    usual: dict[str, object] = {
        "request_id": None,
        "start_time": "2030-01-01T00:00:10.001Z",
        "response_code_details": "filter_chain_not_found",
        "downstream_remote_address": "10.0.0.2:50818",
        "downstream_local_address": "10.0.0.3:9080",
    }
    (found,) = read(proxy, ["no json", json.dumps(usual | given)])
    return found


def test_a_connection_that_was_not_taken_is_found_by_its_two_ends() -> None:
    other = away("web", downstream_local_address="10.0.0.4:9080")
    found = met(SENT, [other, away()])
    assert found is not None
    assert found.proxy == "api"


@pytest.mark.parametrize(
    "given",
    [
        {"downstream_remote_address": "10.0.0.2:50819"},
        {"start_time": "2030-01-01T00:02:00.000Z"},
        {"start_time": "yesterday"},
    ],
    ids=["another-port", "the-port-used-again", "no-time"],
)
def test_another_connection_is_not_taken_for_it(given: dict[str, str]) -> None:
    assert met(SENT, [away(**given)]) is None


def test_of_two_with_the_same_ends_it_is_the_one_nearer_in_time() -> None:
    near = away("near")
    assert met(SENT, [away("far", start_time="2030-01-01T00:00:30.000Z"), near]) == near


def test_without_a_connection_there_is_nothing_to_find() -> None:
    nowhere = Hop(start_time=SENT.start_time, upstream_host="10.0.0.3:9080")
    nobody = away(downstream_remote_address=None)
    assert met(nowhere, [nobody]) is None
