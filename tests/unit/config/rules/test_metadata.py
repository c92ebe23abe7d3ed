from __future__ import annotations

import pytest

from meltemi.config.decode import decode
from meltemi.config.finding import InvalidConfigError
from meltemi.config.resource import Metadata
from meltemi.config.rules.metadata import ANNOTATIONS_LIMIT, check_metadata

RIGHT = [
    "app",
    "a",
    "A_b.c-D",
    "7",
    "x" * 63,
    "app.kubernetes.io/name",
    f"{'d' * 253}/a",
]
WRONG = ["", "-a", "a-", "a b", "é", "/a", "a/", "a/b/c", "Upper.com/a", "x" * 64]
WRONG += [f"{'d' * 254}/a", "a\n"]


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize("key", RIGHT)
def test_a_key_is_a_name_behind_a_domain_or_alone(field: str, key: str) -> None:
    assert [*check_metadata(metadata(field, {key: ""}))] == []


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize("key", WRONG)
def test_a_key_that_kubernetes_refuses_is_told(field: str, key: str) -> None:
    (found,) = check_metadata(metadata(field, {key: ""}))
    assert found.path == f'metadata.{field}["{key}"]'


@pytest.mark.parametrize("value", ["", "v1", "V1.2_3-x", "x" * 63])
def test_a_labels_value_is_empty_or_a_name(value: str) -> None:
    assert [*check_metadata(Metadata(name="a", labels={"a": value}))] == []


@pytest.mark.parametrize("value", ["-", "a b", "x" * 64, "a/b", "é", "v1\n"])
def test_a_labels_value_that_kubernetes_refuses_is_told(value: str) -> None:
    assert len([*check_metadata(Metadata(name="a", labels={"a": value}))]) == 1
    free = Metadata(name="a", annotations={"a": value})
    assert [*check_metadata(free)] == [], "an annotation may say anything"


def test_annotations_have_a_limit_together() -> None:
    half = "x" * (ANNOTATIONS_LIMIT // 2 - 1)
    assert [*check_metadata(metadata("annotations", {"a": half, "b": half}))] == []
    (found,) = check_metadata(metadata("annotations", {"a": half, "b": half + "é"}))
    assert (found.path, "262,146 bytes" in found.message) == (
        "metadata.annotations",
        True,
    )


def test_the_finding_has_the_place_in_the_text() -> None:
    text = b"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: a
  labels:
    good: fine
    team: not a value
  annotations:
    bad key: x
spec: {host: a}
"""
    with pytest.raises(InvalidConfigError) as refused:
        decode(text, file="a.yaml", default_namespace="default")
    label, annotation = refused.value.findings
    assert str(label).startswith("a.yaml:7:11: IST0106 'not a value'")
    assert (label.pointer, annotation.pointer) == (
        "/metadata/labels/team",
        "/metadata/annotations/bad key",
    )
    assert annotation.source.line == 9


def metadata(field: str, words: dict[str, str]) -> Metadata:
    if field == "labels":
        return Metadata(name="a", labels=words)
    return Metadata(name="a", annotations=words)
