from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.local.seed import SeedError, demo_objects, objects_of, plural

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ServiceEntry", "serviceentries"),
        ("Gateway", "gateways"),
        ("VirtualService", "virtualservices"),
        ("PeerAuthentication", "peerauthentications"),
        ("AuthorizationPolicy", "authorizationpolicies"),
    ],
)
def test_kinds_have_the_plurals_of_their_urls(kind: str, expected: str) -> None:
    assert plural(kind) == expected


def test_the_demo_has_its_services_its_way_in_and_strict_mtls() -> None:
    found = {(each["kind"], each["metadata"]["name"]) for each in demo_objects()}

    assert found == {
        ("ServiceEntry", "productpage"),
        ("ServiceEntry", "details"),
        ("ServiceEntry", "ratings"),
        ("ServiceEntry", "reviews"),
        ("PeerAuthentication", "default"),
        ("Gateway", "bookinfo-gateway"),
        ("VirtualService", "bookinfo"),
    }, "and no DestinationRule"


def test_a_folder_without_yaml_and_a_file_that_is_not_yaml_are_named(
    tmp_path: Path,
) -> None:
    with pytest.raises(SeedError, match=str(tmp_path)):
        list(objects_of(tmp_path))
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(SeedError, match=r"a\.yaml"):
        list(objects_of(tmp_path))
