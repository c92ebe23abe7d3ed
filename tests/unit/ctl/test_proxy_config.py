from __future__ import annotations

from typing import Any

import pytest

from meltemi.ctl.proxy_config import (
    cluster_rows,
    endpoint_rows,
    listener_rows,
    route_rows,
    secret_rows,
)


def test_a_clusters_name_says_most_of_it() -> None:
    name = "outbound|9080|v1|reviews.default.svc.cluster.local"
    assert list(cluster_rows({"cluster": {"name": name, "type": "EDS"}})) == [
        ["reviews.default.svc.cluster.local", "9080", "v1", "outbound", "EDS"]
    ]
    assert list(cluster_rows({"cluster": {"name": "BlackHoleCluster"}})) == [
        ["BlackHoleCluster", "-", "-", "-", "STATIC"]
    ]


@pytest.mark.parametrize(
    ("config", "destination"),
    [
        ({"rds": {"route_config_name": "http.80"}}, "Route: http.80"),
        ({"route_config": {"name": "inbound|80||"}}, "Inline Route: inbound|80||"),
        ({"cluster": "outbound|1||a"}, "Cluster: outbound|1||a"),
        (
            {"weighted_clusters": {"clusters": [{"name": "a"}, {"name": "b"}]}},
            "Cluster: a, b",
        ),
    ],
)
def test_a_listener_shows_where_its_chains_lead(
    config: dict[str, Any], destination: str
) -> None:
    listener = {
        "name": "l",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 80}},
        "filter_chains": [
            {
                "filter_chain_match": {
                    "server_names": ["a.com"],
                    "transport_protocol": "tls",
                },
                "filters": [{"typed_config": config}],
            }
        ],
    }
    assert list(listener_rows({"active_state": {"listener": listener}})) == [
        ["127.0.0.1", "80", "l", "SNI: a.com; Trans: tls", destination]
    ]


def test_a_route_shows_its_conditions_and_shares() -> None:
    weighted = {
        "clusters": [{"name": "v1", "weight": 90}, {"name": "v2", "weight": 10}]
    }
    table = {
        "name": "http.80",
        "virtual_hosts": [
            {
                "name": "*:80",
                "domains": ["a", "b", "c"],
                "routes": [
                    {
                        "match": {"prefix": "/", "headers": [{"name": "end-user"}]},
                        "route": {"weighted_clusters": weighted},
                    },
                    {"match": {"path": "/x"}, "direct_response": {"status": 404}},
                    {"match": {"path": "/y"}, "redirect": {}},
                ],
            }
        ],
    }
    assert [row[2:] for row in route_rows({"route_config": table})] == [
        ["a, b + 1 more...", "/* (headers: end-user)", "v1 (90), v2 (10)"],
        ["a, b + 1 more...", "/x", "answer 404"],
        ["a, b + 1 more...", "/y", "redirect"],
    ]


def test_an_endpoint_shows_how_it_is() -> None:
    status = {
        "name": "c",
        "host_statuses": [
            {
                "address": {
                    "socket_address": {"address": "127.0.0.1", "port_value": 1}
                },
                "health_status": {
                    "eds_health_status": "HEALTHY",
                    "failed_outlier_check": True,
                },
            },
            {"address": {"pipe": {"path": "/run/a.sock"}}},
        ],
    }
    assert list(endpoint_rows(status)) == [
        ["127.0.0.1:1", "HEALTHY", "FAILED", "c"],
        ["/run/a.sock", "UNKNOWN", "OK", "c"],
    ]


def test_a_certificate_shows_whose_it_is() -> None:
    leaf = {
        "serial_number": "7",
        "expiration_time": "2030-01-01T00:00:00Z",
        "subject_alt_names": [{"uri": "spiffe://cluster.local/ns/a/sa/b"}],
    }
    assert list(secret_rows({"cert_chain": [leaf]})) == [
        [
            "default",
            "Cert Chain",
            "7",
            "2030-01-01T00:00:00+00:00",
            "spiffe://cluster.local/ns/a/sa/b",
        ]
    ]
