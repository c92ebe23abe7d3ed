from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.config.schema.telemetry import Metrics, WorkloadMode
from meltemi.config.values import decode_value
from meltemi.pilot.translate.telemetry.counting import NAMES, Changed, counting
from meltemi.pilot.translate.telemetry.levels import CLIENT, SERVER

if TYPE_CHECKING:
    from collections.abc import Mapping

P = [{"name": "p"}]


def counted(
    *entries: Mapping[str, object],
    defaults: tuple[str, ...] = (),
    side: WorkloadMode = CLIENT,
) -> dict[str, dict[str, Changed] | None]:
    read = [msgspec.convert(each, Metrics, dec_hook=decode_value) for each in entries]
    return counting(read, defaults, side)


def override(**said: object) -> dict[str, object]:
    return {"overrides": [said]}


def test_default_providers_count_all_of_istios_metrics() -> None:
    assert counted(defaults=("p",)) == {"p": {}}
    assert counted() == {}


def test_the_last_entry_that_names_providers_wins() -> None:
    other = {"providers": [{"name": "o"}]}
    assert counted({"providers": P}, other) == {"o": {}}
    assert counted({"providers": P}, {}) == {"p": {}}


def test_a_change_is_of_one_metric_or_of_all() -> None:
    one = override(match={"metric": "REQUEST_COUNT"}, disabled=True)
    assert counted(one, defaults=("p",)) == {
        "p": {"requests_total": Changed(disabled=True)}
    }
    every = override(tagOverrides={"t": {"operation": "REMOVE"}})
    found = counted(every, defaults=("p",))["p"]
    assert found == dict.fromkeys(NAMES.values(), Changed(tags={"t": None}))


def test_a_change_is_of_its_side() -> None:
    one = override(match={"metric": "REQUEST_COUNT", "mode": "SERVER"}, disabled=True)
    assert counted(one, defaults=("p",)) == {"p": {}}
    assert counted(one, defaults=("p",), side=SERVER)["p"]


def test_later_changes_go_over_earlier_ones_tag_by_tag() -> None:
    match = {"metric": "REQUEST_COUNT"}
    first = override(
        match=match, tagOverrides={"a": {"value": "1"}, "b": {"value": "2"}}
    )
    second = override(
        match=match, disabled=True, tagOverrides={"b": {"operation": "REMOVE"}}
    )
    assert counted(first, second, defaults=("p",)) == {
        "p": {"requests_total": Changed(disabled=True, tags={"a": "1", "b": None})}
    }


def test_all_metrics_can_be_turned_off_and_some_on_again() -> None:
    off = override(match={"metric": "ALL_METRICS"}, disabled=True)
    assert counted(off, defaults=("p",)) == {"p": None}
    some = override(match={"metric": "REQUEST_COUNT"}, disabled=False)
    assert counted(off, some, defaults=("p",)) == {"p": {"requests_total": Changed()}}


def test_a_metric_may_be_called_by_its_name() -> None:
    mine = override(match={"customMetric": "istio_requests_total"}, disabled=True)
    assert counted(mine, defaults=("p",)) == {
        "p": {"requests_total": Changed(disabled=True)}
    }


def test_messages_of_grpc_are_no_metric_of_ours() -> None:
    grpc = override(match={"metric": "GRPC_REQUEST_MESSAGES"}, disabled=True)
    assert counted(grpc, defaults=("p",)) == {"p": {}}
