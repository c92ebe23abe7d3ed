"""Alerts and dashboards, read without a Prometheus."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from meltemi.testkit.queries import alerts, dashboards, families, queries

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
