from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.ctl.report.archive import write_report
from meltemi.ctl.why import commands, search
from meltemi.ctl.why.search import Search

if TYPE_CHECKING:
    from pathlib import Path

WEB = {
    "request_id": "r1",
    "start_time": "2030-01-01T00:00:00.001Z",
    "method": "GET",
    "path": "/x",
    "response_code": 403,
    "response_code_details": "via_upstream",
    "response_flags": "-",
    "upstream_cluster": "outbound|9080||api.default.svc.cluster.local;",
}
API = WEB | {
    "start_time": "2030-01-01T00:00:00.002Z",
    "response_code_details": "rbac_access_denied_matched_policy[none]",
    "upstream_cluster": "inbound|9080||;",
    "downstream_peer_uri_san": "spiffe://cluster.local/ns/default/sa/web",
}
STORY = """\
request r1
2030-01-01T00:00:00.001Z web, calling api.default.svc.cluster.local: GET /x
    403 from behind, flags -
2030-01-01T00:00:00.002Z api, called by spiffe://cluster.local/ns/default/sa/web: GET /x
    403 itself, flags -
    because no rule of an AuthorizationPolicy allows it
    look at meltemi authz explain --from CALLER --to WORKLOAD
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    fine = WEB | {"request_id": "r2", "response_code": 200}
    (tmp_path / "logs").mkdir()
    lines = "".join(f"{json.dumps(each)}\n" for each in (WEB, fine))
    (tmp_path / "logs" / "web.log").write_text(lines)
    home = tmp_path / "workloads" / "api"
    home.mkdir(parents=True)
    (home / "agent.log").write_text(json.dumps(API))
    return tmp_path


def test_a_request_is_told_from_its_caller_to_who_refused_it(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (("why", "r1"), ("why",)):
        assert execute(("--state", str(state), *words)) == 0
        assert capsys.readouterr().out == STORY
    assert execute(("--state", str(state), "why", "r2")) == 0
    assert capsys.readouterr().out.endswith("every proxy had a good answer\n")


def test_as_json_each_hop_has_its_causes(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(("--state", str(state), "why", "r1", "-o", "json")) == 0
    web, api = json.loads(capsys.readouterr().out)
    assert (web["proxy"], web["causes"]) == ("web", [])
    assert api["causes"][0]["what"] == "no rule of an AuthorizationPolicy allows it"


def test_a_bug_report_tells_it_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.tgz"
    logs = {"logs/web.log": json.dumps(WEB), "logs/api.log": json.dumps(API)}
    files = {name: text.encode() for name, text in logs.items()}
    write_report(file, files, datetime(2030, 1, 1, tzinfo=UTC))
    assert execute(("why", "--from", str(file))) == 0
    assert capsys.readouterr().out == STORY


def test_a_request_that_nobody_logged_is_said_to_be_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "pilot-0.log").touch()
    assert execute(("--state", str(tmp_path), "why", "r9")) != 0
    assert "no proxy has logged 'r9'" in capsys.readouterr().err
    assert execute(("--state", str(tmp_path), "why")) != 0
    assert "a request that failed" in capsys.readouterr().err


def test_where_no_mesh_is_or_was_that_is_what_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (("why",), ("why", "r9")):
        assert execute(("--state", str(tmp_path), *words)) == 65
        assert "no mesh is up" in capsys.readouterr().err


def test_a_trace_is_named_and_what_belongs_to_it_is_told(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = {"trace_id": "0af7651916cd43dd8448eb211c80319c"}
    other = API | trace | {"request_id": "r7"}
    (state / "logs" / "web.log").write_text(json.dumps(WEB | trace))
    (state / "workloads" / "api" / "agent.log").write_text(json.dumps(other))
    assert execute(("--state", str(state), "why", "r1")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["request r1", f"trace {trace['trace_id']}"]
    assert lines[4].endswith("GET /x (request r7)")
    assert execute(("--state", str(state), "why", trace["trace_id"])) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"trace {trace['trace_id']}"
    assert execute(("--state", str(state), "why", "r1", "-o", "json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert {each["trace_id"] for each in found} == {trace["trace_id"]}
    assert {each["collector"] for each in found} == {None}, "nobody can say"


def test_how_much_of_a_log_that_is_too_long_was_read_is_said(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "MIB", 1)
    monkeypatch.setattr(commands, "Search", partial(Search, most=100))
    assert execute(("--state", str(state), "why", "r9")) == 65
    read = "of the log of api, web only the last 100 MiB were read"
    assert read in capsys.readouterr().err


def test_that_there_is_more_than_is_told_is_said_beside_the_story(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "ENOUGH", 1)
    assert execute(("--state", str(state), "why", "r1", "-o", "json")) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)
    assert told.err.startswith("note: there may be more of it; nobody looked on after")


def test_a_report_with_whole_logs_has_no_more_to_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.tgz"
    files = {"logs/web.log": json.dumps(WEB).encode(), "tails.json": b"{}"}
    write_report(file, files, datetime(2030, 1, 1, tzinfo=UTC))
    assert execute(("why", "r9", "--from", str(file))) == 65
    assert "the report" not in capsys.readouterr().err
    assert execute(("why", "r1", "--from", str(file))) == 0
    assert not capsys.readouterr().err


def test_half_a_story_from_a_report_is_told_as_half(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.tgz"
    logs = {"logs/web.log": json.dumps(WEB), "logs/api.log": json.dumps(API)}
    files = {name: text.encode() for name, text in logs.items()}
    files["tails.json"] = b'{"api": 5000000}'
    write_report(file, files, datetime(2030, 1, 1, tzinfo=UTC))
    has = "of the log of api the report has only the last 2 MiB"
    assert execute(("why", "r1", "--from", str(file))) == 0
    told = capsys.readouterr()
    assert told.out == STORY
    assert told.err == f"note: there may be more of it; {has}\n"
    assert execute(("why", "r9", "--from", str(file))) == 65
    assert has in capsys.readouterr().err


def test_of_a_report_that_says_nothing_of_it_a_log_of_the_most_bytes_was_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.tgz"
    text = json.dumps(WEB).encode()
    files = {"logs/web.log": text, "logs/api.log": text.rjust(2 * 1024 * 1024)}
    write_report(file, files, datetime(2030, 1, 1, tzinfo=UTC))
    assert execute(("why", "r9", "--from", str(file))) == 65
    assert "of the log of api the report has" in capsys.readouterr().err
