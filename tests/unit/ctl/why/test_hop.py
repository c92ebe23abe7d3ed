from __future__ import annotations

import json

from meltemi.ctl.why.hop import Hop, hops


def line(**given: object) -> str:
    usual: dict[str, object] = {
        "request_id": "r1",
        "start_time": "2030-01-01T00:00:00.002Z",
        "response_code": 200,
        "response_code_details": "via_upstream",
        "response_flags": "-",
        "duration": 3,
    }
    return json.dumps(usual | given)


def test_lines_of_all_proxies_are_one_story_in_the_order_of_time() -> None:
    logs = {
        "reviews-v1": line(start_time="2030-01-01T00:00:00.001Z") + "\n",
        "gateway": f"not json\n{{broken\n{line()}\n",
    }
    assert [each.proxy for each in hops(logs)] == ["reviews-v1", "gateway"]


def test_what_is_no_access_log_of_a_request_is_passed_over() -> None:
    text = "\n".join(
        [
            '{"event": "proxy.connected", "level": "info"}',
            line(request_id=None),
            line(response_code="a word"),
            line()[:-20],
        ]
    )
    assert hops({"x": text}) == []


def test_a_hop_knows_its_side_its_service_and_its_flags() -> None:
    cluster = "outbound|9080|v1|reviews.default.svc.cluster.local;"
    (client,) = hops({"web": line(upstream_cluster=cluster, response_flags="URX,UF")})
    assert (client.inbound, client.failed) == (False, False)
    assert client.called == "reviews.default.svc.cluster.local"
    assert client.flags == ("URX", "UF")
    (server,) = hops({"api": line(upstream_cluster="inbound|9080||;")})
    assert (server.inbound, server.called, server.flags) == (True, "", ())
    (lost,) = hops({"api": line(response_code=0, upstream_cluster=None)})
    assert lost.failed
    assert not lost.inbound


def test_a_grpc_call_failed_whose_status_says_so_and_another_by_its_code() -> None:
    assert Hop(response_code=200, grpc_status=7).failed
    assert not Hop(response_code=200, grpc_status=0).failed
    assert not Hop(response_code=200).failed
    assert Hop(response_code=503).failed
