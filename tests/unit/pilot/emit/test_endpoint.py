from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToDict

from meltemi.pilot import ir
from meltemi.pilot.emit.endpoint import assignment

REVIEWS = ir.Endpoint(
    "10.0.0.1",
    80,
    tls=False,
    workload="reviews-v1;default;reviews;v1;",
    app="reviews",
    cluster="one",
)


def said(endpoint: ir.Endpoint, *, counted: bool) -> object:
    place = ir.LocalityEndpoints(ir.Locality(), (endpoint,))
    made = assignment(ir.LoadAssignment("c", (place,), counted=counted))
    (one,) = made.endpoints[0].lb_endpoints
    held = one.metadata.filter_metadata
    return MessageToDict(held["meltemi"]) if "meltemi" in held else None


def test_metrics_hear_who_an_endpoint_is() -> None:
    assert said(REVIEWS, counted=True) == {
        "workload": "reviews-v1",
        "namespace": "default",
        "service": "reviews",
        "revision": "v1",
        "app": "reviews",
        "cluster": "one",
    }


@pytest.mark.parametrize("workload", ["", "a"])
def test_what_an_endpoint_does_not_say_is_left_out(workload: str) -> None:
    bare = ir.Endpoint("10.0.0.1", 80, tls=False, workload=workload, cluster="one")
    known = {"workload": workload} if workload else {}
    assert said(bare, counted=True) == {**known, "cluster": "one"}


def test_nothing_is_said_where_nobody_counts() -> None:
    assert said(REVIEWS, counted=False) is None
