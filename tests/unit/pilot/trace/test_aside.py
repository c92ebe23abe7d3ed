from __future__ import annotations

from envoy.config.route.v3.route_components_pb2 import Route, RouteAction
from envoy.extensions.filters.http.fault.v3 import fault_pb2  # noqa: F401 - by name
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace.answer import Stage
from meltemi.pilot.trace.aside import copies, faults

FAULT = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"


def failing(**fault: object) -> Route:
    packed = {"@type": FAULT, **fault}
    route = {"route": {}, "typed_per_filter_config": {"fault": packed}}
    return ParseDict(route, Route())


def test_a_fault_for_all_requests_ends_the_journey() -> None:
    share = {"numerator": 100}
    (step,), ends = faults(failing(abort={"http_status": 503, "percentage": share}))
    assert ends
    assert step.stage is Stage.FAULT
    assert step.why == "1 of the requests are answered with 503"


def test_a_fault_for_some_requests_is_told_and_the_rest_passes() -> None:
    share = {"numerator": 125, "denominator": "TEN_THOUSAND"}
    (step,), ends = faults(failing(abort={"grpc_status": 14, "percentage": share}))
    assert not ends
    assert step.why == "0.0125 of the requests are answered with gRPC status 14"


def test_a_delay_passes_and_says_how_long_it_takes() -> None:
    share = {"numerator": 10}
    (step,), ends = faults(failing(delay={"fixed_delay": "1.5s", "percentage": share}))
    assert not ends
    assert step.why == "0.1 of the requests wait 1.5 s"


def test_a_route_without_faults_says_nothing() -> None:
    assert faults(Route()) == ((), False)


def test_copies_are_told_with_their_share() -> None:
    action = ParseDict(
        {
            "request_mirror_policies": [
                {"cluster": "a"},
                {
                    "cluster": "b",
                    "runtime_fraction": {"default_value": {"numerator": 5}},
                },
            ]
        },
        RouteAction(),
    )
    assert [(each.name, each.why) for each in copies(action)] == [
        ("a", "1 of the requests, copied"),
        ("b", "0.05 of the requests, copied"),
    ]
