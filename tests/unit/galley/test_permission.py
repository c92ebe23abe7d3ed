from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.galley.permission import (
    Administrator,
    Workload,
    check_permission,
    check_reading,
)
from meltemi.galley.refusals import ForbiddenError
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Key, Namespace

if TYPE_CHECKING:
    from meltemi.config.schema.message import Message

REVIEWS = Workload(SpiffeId("cluster.local", Namespace("default"), "reviews"))


def entry(account: str | None, namespace: str = "default") -> Resource[Message]:
    return Resource(
        api_version="networking.istio.io/v1",
        kind="WorkloadEntry",
        metadata=Metadata(name="reviews-v1", namespace=namespace),
        spec=WorkloadEntry(address="10.0.0.1", service_account=account),
    )


def test_an_administrator_writes_everything() -> None:
    key = Key("Gateway", Namespace("istio-system"), "edge")
    check_permission(Administrator(), "update", key, None, None)


def test_a_workload_writes_and_removes_its_own_entry() -> None:
    own = entry("reviews")
    check_permission(REVIEWS, "update", own.key, own, None)
    check_permission(REVIEWS, "update", own.key, own, own)
    check_permission(REVIEWS, "update", own.key, None, own)
    check_permission(REVIEWS, "update", own.key, None, None)


@pytest.mark.parametrize(
    ("asked", "current"),
    [
        (entry("ratings"), None),
        (entry(None), None),
        (entry("reviews"), entry("ratings")),
        (None, entry("ratings")),
    ],
)
def test_a_workload_may_not_touch_another_account(
    asked: Resource[Message] | None, current: Resource[Message] | None
) -> None:
    with pytest.raises(ForbiddenError, match="service account"):
        check_permission(REVIEWS, "update", entry("reviews").key, asked, current)


@pytest.mark.parametrize(
    "key",
    [
        Key("WorkloadEntry", Namespace("prod"), "reviews-v1"),
        Key("VirtualService", Namespace("default"), "reviews"),
    ],
)
def test_a_workload_may_not_write_elsewhere(key: Key) -> None:
    with pytest.raises(ForbiddenError, match="its own namespace"):
        check_permission(REVIEWS, "update", key, None, None)


def test_a_workload_reads_the_entries_and_groups_of_its_namespace_alone() -> None:
    for kind in ("WorkloadEntry", "WorkloadGroup"):
        check_reading(REVIEWS, "get", kind, "default")
        with pytest.raises(ForbiddenError, match="its own namespace"):
            check_reading(REVIEWS, "get", kind, "prod")
    with pytest.raises(ForbiddenError, match="its own namespace"):
        check_reading(REVIEWS, "get", "VirtualService", "default")
