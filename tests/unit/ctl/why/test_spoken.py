from __future__ import annotations

from typing import Any

import pytest

from meltemi.ctl.why.spoken import demands_tls, speaks_plain

HOST = "api.shop.svc.cluster.local"


def found(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "x", "namespace": "shop"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({"host": HOST, "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
         ["trafficPolicy"]),
        ({"host": "api", "trafficPolicy": {"tls": {}}}, ["trafficPolicy"]),
        ({"host": HOST, "subsets": [{}, {"trafficPolicy": {"tls": {"mode": "DISABLE"}}}]},
         ["subsets[1].trafficPolicy"]),
        ({"host": HOST, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}, []),
        ({"host": HOST, "trafficPolicy": {"connectionPool": {}}}, []),
        ({"host": "other", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}, []),
    ],
)  # fmt: skip
def test_a_rule_by_which_callers_speak_plain_text_is_named(
    spec: dict[str, Any], where: list[str]
) -> None:
    rules = [found("DestinationRule", spec), found("PeerAuthentication", spec)]
    assert list(speaks_plain(rules, HOST)) == [
        f"DestinationRule/shop/x spec.{each}.tls.mode" for each in where
    ]


@pytest.mark.parametrize(
    ("spec", "strict"),
    [
        ({"mtls": {"mode": "STRICT"}}, True),
        ({"mtls": None, "portLevelMtls": {"80": {"mode": "STRICT"}}}, True),
        ({"mtls": {"mode": "PERMISSIVE"}}, False),
        ({}, False),
    ],
)
def test_who_lets_nobody_in_without_mutual_tls_is_named(
    spec: dict[str, Any], *, strict: bool
) -> None:
    policies = [found("PeerAuthentication", spec), found("DestinationRule", spec)]
    named = ["PeerAuthentication/shop/x"] if strict else []
    assert list(demands_tls(policies)) == named
