from __future__ import annotations

import pytest

from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.message import Message
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.galley.refusals import InvalidQueryError
from meltemi.galley.selector import FieldSelector, LabelSelector

LABELS = {"app": "reviews", "version": "v1"}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("app=reviews", True),
        ("app==reviews,version=v1", True),
        (" app = reviews , version != v2 ", True),
        ("app=ratings", False),
        ("app!=reviews", False),
        ("team!=a", True),
        ("team=", False),
        ("app=reviews,version=v2", False),
        ("app", True),
        ("team", False),
        ("!team", True),
        ("! app", False),
        ("app in (ratings, reviews)", True),
        ("app in (ratings)", False),
        ("team in (a)", False),
        ("team notin (a,b)", True),
        ("app notin (reviews),version=v1", False),
        ("version in (v1,v2),app,!team", True),
    ],
)
def test_all_terms_have_to_hold(text: str, *, selected: bool) -> None:
    assert LabelSelector.parse(text).selects(LABELS) is selected


@pytest.mark.parametrize(
    "text", ["=x", "a=b,", "a=b=c", "app in a", "a in (b", "a of (b)", "!", "a in (/)"]
)
def test_other_terms_are_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError, match="KEY=VALUE"):
        LabelSelector.parse(text)


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("metadata.name=reviews", True),
        ("metadata.name!=reviews", False),
        ("metadata.namespace==prod,spec.hosts=b", True),
        ("spec.hosts=c", False),
        ("spec.hosts!=c", True),
    ],
)
def test_fields_are_compared_and_one_of_many_hosts_is_enough(
    text: str, *, selected: bool
) -> None:
    route = Resource[Message](
        api_version="networking.istio.io/v1",
        kind="VirtualService",
        metadata=Metadata(name="reviews", namespace="prod"),
        spec=VirtualService(hosts=("a", "b")),
    )
    assert FieldSelector.parse(text).selects(route) is selected


@pytest.mark.parametrize("text", ["spec.http=a", "metadata.name", "=a", "a=b,,"])
def test_other_fields_are_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError, match="FIELD=VALUE"):
        FieldSelector.parse(text)
