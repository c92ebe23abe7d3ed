from __future__ import annotations

import pytest

from meltemi.config.finding import InvalidConfigError
from meltemi.galley.folder import OWNED, left, read_folder
from meltemi.galley.reserved import SOURCE

RULE = b"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: NAME, labels: {team: a}}
spec: {host: reviews}
"""
ENTRY = b"""\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews}
spec: {hosts: [a.com], ports: [{number: 80, name: http}], resolution: DNS}
"""


def named(name: bytes) -> bytes:
    return RULE.replace(b"NAME", name)


def test_its_objects_bear_its_label_and_services_come_first() -> None:
    folder = read_folder([("b.yaml", named(b"one")), ("c.yaml", ENTRY), ("d", b" ")])
    assert [each.kind for each in folder.objects] == ["ServiceEntry", "DestinationRule"]
    labels = folder.objects[1].metadata.labels
    assert labels == {"team": "a", SOURCE: OWNED}
    assert list(folder.files.values()) == ["b.yaml", "c.yaml"]


def test_every_problem_of_every_file_is_told_with_its_place() -> None:
    broken = named(b"one").replace(b"host:", b"hots:")
    with pytest.raises(InvalidConfigError) as refused:
        read_folder([("a.yaml", broken), ("b.yaml", ENTRY), ("c.yaml", b"a: b: c")])
    places = {str(each.source).rpartition(":")[0] for each in refused.value.findings}
    assert {"a.yaml:4", "c.yaml:1"} <= places


def test_an_object_has_one_file() -> None:
    with pytest.raises(InvalidConfigError, match=r"stands in a\.yaml already"):
        read_folder([("a.yaml", named(b"one")), ("b.yaml", named(b"one"))])


def test_what_it_has_no_longer_is_removed_services_last() -> None:
    texts = [("a", named(b"one")), ("b", named(b"two")), ("c", ENTRY)]
    before = read_folder(texts)
    after = read_folder(texts[:1])
    assert [key.kind for key in left(after, before.objects)] == [
        "DestinationRule",
        "ServiceEntry",
    ]
    assert left(before, before.objects) == []
