from __future__ import annotations

import pytest

from meltemi.config.kinds import KINDS, kind_at, kind_called


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("VirtualService", "VirtualService"),
        ("virtualservices", "VirtualService"),
        ("vs", "VirtualService"),
        ("DR", "DestinationRule"),
        ("gateways.networking.istio.io", "Gateway"),
        ("pa", "PeerAuthentication"),
        ("se", "ServiceEntry"),
        ("we", "WorkloadEntry"),
        ("ap", "AuthorizationPolicy"),
        ("ra", "RequestAuthentication"),
        ("wg", "WorkloadGroup"),
        ("telemetries", "Telemetry"),
        ("meshconfigs.mesh.istio.io", "MeshConfig"),
        ("meshnetworks", "MeshNetworks"),
    ],
)
def test_a_kind_answers_to_every_spelling_people_use(word: str, name: str) -> None:
    kind = kind_called(word)
    assert kind is not None
    assert kind.name == name


def test_every_kind_has_a_short_name() -> None:
    assert [kind.name for kind in KINDS if not kind.short_names] == []


def test_an_unknown_word_names_no_kind() -> None:
    assert kind_called("pod") is None


def test_no_two_kinds_share_a_spelling() -> None:
    words = [
        word
        for kind in KINDS
        for word in sorted({kind.name.lower(), kind.plural, *kind.short_names})
    ]
    assert len(words) == len(set(words))


def test_a_kind_is_served_in_the_versions_istio_serves_and_no_other() -> None:
    for version in ("v1", "v1beta1", "v1alpha3"):
        assert kind_at("networking.istio.io", version, "virtualservices") is not None
    assert kind_at("security.istio.io", "v1beta1", "peerauthentications") is not None
    assert kind_at("security.istio.io", "v1alpha3", "peerauthentications") is None
    assert kind_at("networking.istio.io", "v2", "virtualservices") is None
    assert kind_at("security.istio.io", "v1", "virtualservices") is None


def test_objects_are_stored_in_the_newest_version_their_kind_has() -> None:
    assert {
        kind.name: kind.versions[0] for kind in KINDS if kind.versions[0] != "v1"
    } == {
        "EnvoyFilter": "v1alpha3",
        "MeshConfig": "v1alpha1",
        "MeshNetworks": "v1alpha1",
        "ProxyConfig": "v1beta1",
        "TrafficExtension": "v1alpha1",
        "WasmPlugin": "v1alpha1",
    }
