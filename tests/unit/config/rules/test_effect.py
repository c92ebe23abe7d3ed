from __future__ import annotations

import pytest

from meltemi.config.kinds import KIND_BY_NAME
from meltemi.config.rules.effect import FIELDS, TREES, effect
from meltemi.testkit.configuration import warnings
from meltemi.testkit.field_paths import field_paths


@pytest.mark.parametrize(
    ("kind", "path"), [(k, p) for k, f in FIELDS.items() for p in f]
)
def test_every_field_named_here_is_one_that_people_can_write(
    kind: str, path: str
) -> None:
    known = field_paths(KIND_BY_NAME[kind])
    assert path in known or f"{path}[]" in known


def test_a_field_in_vain_is_named_with_its_place_in_a_list() -> None:
    spec = """
        hosts: [a.example.com]
        tcp:
        - route: [{destination: {host: a}}]
        - match: [{port: 1}, {sourceSubnet: 10.0.0.0/8}]
          route: [{destination: {host: a}}]
    """
    assert warnings("VirtualService", spec) == [
        "spec.tcp[1].match[1].sourceSubnet: no effect, in Istio neither"
    ]


def test_an_object_without_such_fields_is_let_in_silently() -> None:
    spec = "hosts: [a.example.com]\nhttp: [{route: [{destination: {host: a}}]}]"
    assert warnings("VirtualService", spec) == []


def test_what_stands_below_a_field_in_vain_is_in_vain_too() -> None:
    assert effect("Sidecar", "spec.ingress[].tls.mode") == effect(
        "Sidecar", "spec.ingress[].tls"
    )
    assert effect("Sidecar", "spec.ingress[].bind") == ""


def test_fields_are_looked_up_as_the_structs_spell_them() -> None:
    policy = TREES["DestinationRule"]["traffic_policy"]
    assert policy.name == "trafficPolicy"
    assert policy.below["load_balancer"].name == "loadBalancer"
