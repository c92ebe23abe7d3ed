from __future__ import annotations

from datetime import UTC, datetime

from meltemi.ctl.galley.get import age, effect_cells, object_row

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def found(*conditions: dict[str, str]) -> dict[str, object]:
    return {
        "metadata": {
            "namespace": "default",
            "name": "reviews",
            "resourceVersion": "7",
            "creationTimestamp": "2030-01-01T11:00:00.000000Z",
        },
        "status": {"conditions": list(conditions)},
    }


ARRIVED = {"type": "Reconciled", "status": "True", "message": "7/7 proxies"}


def test_an_object_shows_how_far_it_got() -> None:
    assert object_row(found(ARRIVED), NOW) == [
        "default",
        "reviews",
        "7",
        "1h",
        "7/7 proxies",
    ]


def test_a_refusal_is_more_urgent_than_progress() -> None:
    refused = {"type": "Rejected", "status": "True", "message": "not prime"}
    assert object_row(found(ARRIVED, refused), NOW)[-1] == "Rejected: not prime"
    taken_back = refused | {"status": "False"}
    assert object_row(found(ARRIVED, taken_back), NOW)[-1] == "7/7 proxies"


def test_ages_are_short() -> None:
    assert [
        age(f"2030-01-01T{clock}Z", NOW)
        for clock in ("11:59:57", "11:55:00", "09:59:00")
    ] == ["3s", "5m", "2h"]
    assert age("2029-12-29T11:00:00Z", NOW) == "3d"
    assert age("", NOW) == ""


def test_the_effect_is_where_it_is_and_why_not_elsewhere() -> None:
    rejected = [{"proxy": "a.default", "type": "cds", "message": "not prime"}]
    some = {"synced": 5, "total": 7, "pending": ["b.default"], "rejected": rejected}
    assert effect_cells(some) == [
        "5/7",
        "a.default refused it (cds): not prime; b.default: not yet",
    ]
    none = {"synced": 0, "total": 0, "pending": [], "rejected": []}
    assert effect_cells(none) == ["0/0", "no proxy is connected"]
    all_of_them = none | {"synced": 7, "total": 7}
    assert effect_cells(all_of_them) == ["7/7", "-"]
