"""Alerts and dashboards, read without a Prometheus."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from meltemi.galley.metrics import Metrics as GalleyMetrics
from meltemi.pilot.metrics import Metrics as PilotMetrics
from meltemi.proxy.stats.lines import SERVER_FAULTS
from meltemi.testkit.queries import (
    alerts,
    asked,
    dashboards,
    families,
    queries,
    samples,
)

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/alerts.md").read_text("utf-8")


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_names_the_failure_that_the_page_explains(
    rule: dict[str, Any],
) -> None:
    row = rule["labels"]["row"]
    assert re.fullmatch(r"F-\d\d", row)
    (line,) = [each for each in PAGE.splitlines() if each.startswith(f"| {row} |")]
    assert f"`{rule['alert']}`" in line
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]


def test_the_page_explains_no_alert_that_is_not_there() -> None:
    named = set(re.findall(r"`(Meltemi\w+)`", PAGE))
    assert named == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize(("where", "query"), list(queries()))
def test_a_query_is_balanced_and_about_something(where: str, query: str) -> None:
    for opening, closing in ("()", "[]", "{}"):
        assert query.count(opening) == query.count(closing), where
    assert families(query) or "up{" in query, where


@pytest.mark.parametrize(("name", "board"), list(dashboards().items()))
def test_a_dashboard_has_panels_of_its_own_that_do_not_overlap(
    name: str, board: dict[str, Any]
) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids) > 0, name
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    assert len(set(places)) == len(places), name
    assert board["uid"].startswith("meltemi-")


def test_what_the_panel_calls_failed_is_what_stat_calls_so() -> None:
    panels = {each["title"]: each for each in dashboards()["traffic"]["panels"]}
    (target,) = panels["Failed"]["targets"]
    (statuses,) = re.findall(r'grpc_response_status=~"(.*?)"', target["expr"])
    assert set(statuses.split("|")) == SERVER_FAULTS


def test_a_query_says_which_labels_it_wants_and_which_have_one_value() -> None:
    query = 'sum by (le, instance) (rate(mesh_x_bucket{a="1", b=~"2|3", c="$c"}[5m]))'
    (found,) = asked(query)
    assert found.met_by({"le": "1", "a": "1", "b": "x", "c": "y"})
    assert not found.met_by({"le": "1", "a": "2", "b": "2", "c": "y"}), "one value"
    assert not found.met_by({"a": "1", "b": "2", "c": "y"}), "no label to group by"
    (bare,) = asked("mesh_x - time()")
    assert (bare.metric, bare.labels) == ("mesh_x", frozenset())


@pytest.mark.parametrize(
    "metrics", [GalleyMetrics(), PilotMetrics()], ids=["galley", "pilot"]
)
def test_what_alerts_count_by_a_value_is_there_before_it_happens(
    metrics: GalleyMetrics | PilotMetrics,
) -> None:
    page = samples(generate_latest(metrics.registry).decode())
    wanted = [
        each
        for rule in alerts()
        if "increase(" in rule["expr"]
        for each in asked(rule["expr"])
        if each.metric in page
    ]
    assert wanted
    for each in wanted:
        assert any(map(each.met_by, page[each.metric])), each


def test_jobs_of_alerts_are_those_that_are_scraped() -> None:
    text = (ROOT / "deploy/prometheus/prometheus.yaml").read_text("utf-8")
    jobs = {each["job_name"] for each in yaml.safe_load(text)["scrape_configs"]}
    asked = {job for _, query in queries() for job in re.findall(r'job="(.*?)"', query)}
    assert asked == jobs


def test_what_is_left_of_a_certificate_is_judged_by_its_lifetime() -> None:
    (rule,) = (e for e in alerts() if e["alert"] == "MeltemiCertificateEndsSoon")
    end = "meltemi_agent_certificate_expiry_timestamp_seconds"
    start = "meltemi_agent_certificate_start_timestamp_seconds"
    left, _, share = rule["expr"].partition(" < ")
    assert left == f"{end} - time()"
    assert share == f"0.25 * ({end} - {start})"
