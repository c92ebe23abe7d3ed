from __future__ import annotations

import json

from meltemi.pilot.translate.telemetry.levels import CLIENT, SERVER
from meltemi.pilot.translate.telemetry.metric_tag import (
    UNKNOWN,
    expression,
    first,
    peer,
    tags,
)
from meltemi.testkit.mesh import gateway_scope, sidecar_scope

REVIEWS = sidecar_scope("", labels={"app": "reviews", "version": "v1"})
ISTIOS = 24
"""Istio's labels, but for the protocol, which is the logger's."""


def test_a_proxy_says_of_itself_what_its_labels_do() -> None:
    assert dict(peer(REVIEWS)) == {
        "workload": "reviews-v1",
        "namespace": "default",
        "service": "reviews",
        "revision": "v1",
        "app": "reviews",
        "version": "v1",
        "cluster": UNKNOWN,
    }


def test_each_side_knows_itself_and_looks_up_the_other() -> None:
    client = dict(tags(REVIEWS, CLIENT, secure=False, http=True))
    server = dict(tags(REVIEWS, SERVER, secure=True, http=True))
    assert client.keys() == server.keys()
    assert len(client) == ISTIOS
    assert (client["reporter"], server["reporter"]) == ("source", "destination")
    assert client["source_workload"] == server["destination_workload"] == "reviews-v1"
    assert "UPSTREAM_METADATA" in client["destination_workload"]
    assert "DYNAMIC_METADATA" in server["source_workload"]
    assert server["connection_security_policy"] == "mutual_tls"


def test_callers_from_anywhere_do_not_choose_the_series_of_a_proxy() -> None:
    """A sidecar's own application may: it calls hosts that no service is known of."""
    edge = gateway_scope("")
    for scope, side in ((REVIEWS, SERVER), (edge, CLIENT), (edge, SERVER)):
        told = dict(tags(scope, side, secure=True, http=True))
        assert "AUTHORITY" not in told["destination_service"], side
    own = dict(tags(REVIEWS, CLIENT, secure=False, http=True))
    assert "AUTHORITY" in own["destination_service"]


def test_a_caller_in_the_clear_is_not_believed() -> None:
    server = dict(tags(REVIEWS, SERVER, secure=False, http=True))
    assert server["source_workload"] == server["source_principal"] == UNKNOWN
    assert server["connection_security_policy"] == "none"


def test_a_caller_over_tcp_says_nothing_but_its_certificate() -> None:
    server = dict(tags(REVIEWS, SERVER, secure=True, http=False))
    assert server["source_workload"] == UNKNOWN
    assert "DOWNSTREAM_PEER_URI_SAN" in server["source_principal"]
    assert "response_code" not in server


def test_what_has_no_value_is_unknown() -> None:
    operators = json.loads(first(("REQ", ":AUTHORITY"))[len("%COALESCE(") : -2])
    assert operators == {
        "operators": [
            {"command": "REQ", "param": ":AUTHORITY"},
            {"command": "CEL", "param": "'unknown'"},
        ]
    }
    assert '"request.host"' in expression("request.host")
