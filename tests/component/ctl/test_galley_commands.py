"""The commands about configuration, against a Galley over a socket."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from meltemi.ctl.application import application
from meltemi.ctl.galley import change, compare, events, get, transfer, write
from meltemi.ctl.galley.client import Galley
from meltemi.ctl.galley.target import kinds_called
from meltemi.ctl.output import Output, output_of
from meltemi.testkit.galleys import galley_served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: NAME, labels: {team: a}}
spec: {host: HOST}
"""


class Shell:
    """Types commands."""

    def __init__(self, folder: Path, galley: Galley) -> None:
        self.folder, self.galley = folder, galley

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(application(words), list(words))

    def do(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.output

    def file(self, *objects: tuple[str, str], name: str = "a.yaml") -> str:
        texts = [RULE.replace("NAME", n).replace("HOST", h) for n, h in objects]
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("---\n".join(texts))
        return str(path)

    def hosts(self) -> dict[str, str]:
        found = json.loads(self.do("get", "dr", "-o", "json"))["items"]
        return {each["metadata"]["name"]: each["spec"]["host"] for each in found}


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    with galley_served(tmp_path) as url:
        galley = Galley(url, "secret")
        for module in (change, compare, events, get, transfer, write):
            monkeypatch.setattr(module, "connect", lambda _: galley)
        yield Shell(tmp_path / "files", galley)


SERVICE = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a, namespace: shop}
spec: {hosts: [a.io], ports: [{number: 80, name: http}], resolution: DNS}
"""


def test_objects_of_several_kinds_and_namespaces_are_shown(shell: Shell) -> None:
    shell.do("apply", "-f", shell.file(("a", "one"), ("b", "two")))
    (shell.folder / "se.yaml").write_text(SERVICE)
    shell.do("apply", "-f", str(shell.folder / "se.yaml"))
    assert shell.do("get", "dr,se", "-o", "name").split() == [
        "destinationrule/a",
        "destinationrule/b",
    ]
    named = shell.do("get", "all", "-A", "-o", "name").split()
    assert named == [
        "destinationrule/a.default",
        "destinationrule/b.default",
        "serviceentry/a.shop",
    ]
    assert json.loads(shell.do("get", "se", "a.shop", "-o", "json"))["spec"]
    assert "serviceentry/a " in shell.do("get", *named)
    both = json.loads(shell.do("get", "dr", "a", "b", "-o", "json"))
    assert (both["kind"], len(both["items"])) == ("List", 2)
    hosts = shell.do("get", "dr", "-o", "jsonpath={.items[*].spec.host}")
    assert hosts == "one two\n"


@pytest.mark.parametrize("words", ["get vs", "get all -o name", "export", "events"])
def test_that_a_namespace_is_not_there_is_said_beside_the_empty_answer(
    shell: Shell, words: str
) -> None:
    shell.folder.mkdir(exist_ok=True)
    (shell.folder / "se.yaml").write_text(SERVICE)
    shell.do("apply", "-f", str(shell.folder / "se.yaml"))
    note = "note: there is no namespace 'shopp', but: default, shop ("
    lost = shell.run(*words.split(), "-n", "shopp")
    assert (lost.exit_code, lost.stdout.count("\n") < 2) == (0, True)
    assert lost.stderr.startswith(note)
    assert lost.stderr.endswith("did you mean 'shop'?\n")
    for known in ("shop", "default"):
        assert not shell.run(*words.split(), "-n", known).stderr


def test_of_several_objects_the_missing_are_told_and_the_others_shown(
    shell: Shell,
) -> None:
    shell.do("apply", "-f", shell.file(("a", "one")))
    result = shell.run("get", "dr", "a", "nope", "-o", "name")
    assert result.exit_code == 1
    assert result.stdout == "destinationrule/a\n"
    assert "nope" in result.stderr


def test_wide_tells_on_how_many_proxies_an_object_is_and_why_not_on_others(
    shell: Shell,
) -> None:
    shell.do("apply", "-f", shell.file(("a", "one")))
    head, row = shell.do("get", "dr", "-o", "wide").splitlines()
    assert head.endswith("INSTALLED   NOT ON")
    assert row.endswith("0/0         no proxy is connected")


@pytest.mark.parametrize("form", ["xml", "jsonpath", "jsonpath=", "jsonpath={.a"])
def test_an_output_nobody_knows_is_refused(shell: Shell, form: str) -> None:
    assert shell.run("get", "dr", "-o", form).exit_code == 2
    assert shell.run("diff", "-o", form).exit_code == 2


@pytest.mark.parametrize("command", ["apply", "delete", "diff", "import"])
def test_an_option_and_a_file_that_name_two_namespaces_contradict(
    shell: Shell, command: str
) -> None:
    path = shell.folder / "se.yaml"
    path.parent.mkdir()
    path.write_text(SERVICE)
    result = shell.run(command, "-f", str(path), "-n", "other")
    assert result.exit_code == 65
    assert f"{path}:3:32: NAMESPACE" in result.stderr
    assert "namespace shop, and -n says other" in result.stderr
    assert shell.do("apply", "-f", str(path), "-n", "shop")


def test_diff_shows_what_apply_then_does(shell: Shell) -> None:
    path = shell.file(("reviews", "one"))
    different = shell.run("diff", "-f", path)
    assert different.exit_code == 1
    assert "+  host: one" in different.output
    assert "created" in shell.do("apply", "-f", path)
    assert shell.do("diff", "-f", path) == ""
    different = shell.run("diff", "-f", shell.file(("reviews", "two")))
    assert "-  host: one" in different.output
    assert "+  host: two" in different.output


def test_an_atomic_apply_writes_all_or_nothing(shell: Shell) -> None:
    shell.do("apply", "--atomic", "-f", shell.file(("a", "one"), ("b", "one")))
    assert shell.hosts() == {"a": "one", "b": "one"}
    path = shell.file(("a", "two"), ("c", "two"))
    text = (shell.folder / "a.yaml").read_text()
    stale = text.replace("name: c,", "name: c, resourceVersion: '1',")
    (shell.folder / "a.yaml").write_text(stale)
    refused = shell.run("apply", "--atomic", "-f", path)
    assert refused.exit_code == 1
    assert shell.hosts() == {"a": "one", "b": "one"}


def test_more_than_a_transaction_holds_is_refused_with_the_limit(shell: Shell) -> None:
    names = [(f"a{number}", "one") for number in range(65)]
    shell.do("apply", "--atomic", "-f", shell.file(*names))
    changed = shell.file(*((name, "two") for name, _ in names))
    refused = shell.run("apply", "--atomic", "-f", changed)
    assert refused.exit_code == 65
    assert "at most 128 new or 64 changed ones" in refused.stderr
    assert "65 objects are here: nothing was written" in refused.stderr
    assert set(shell.hosts().values()) == {"one"}


def test_prune_deletes_what_no_file_holds_any_more(shell: Shell) -> None:
    folder = str(shell.folder)
    shell.file(("a", "one"), name="in/a.yaml")
    shell.file(("b", "one"), name="in/deep/b.yaml")
    shell.do("apply", "-R", "-f", folder)
    assert set(shell.hosts()) == {"a", "b"}
    (shell.folder / "in/deep/b.yaml").unlink()
    said = shell.do("apply", "-R", "-f", folder, "--prune", "-l", "team=a")
    assert "destinationrule/b deleted" in said
    assert set(shell.hosts()) == {"a"}
    assert shell.run("apply", "-f", folder, "--prune").exit_code == 2, "prune what?"


def test_what_a_write_breaks_is_printed(shell: Shell) -> None:
    result = shell.run("apply", "-f", shell.file(("reviews", "nobody")))
    assert result.stderr.startswith(
        "warning: destinationrule default/reviews: IST0174 The host nobody"
    )


def test_a_write_says_in_which_namespace_it_wrote(shell: Shell) -> None:
    path = shell.file(("a", "one"))
    assert "destinationrule/a created in default (rev" in shell.do("apply", "-f", path)
    said = shell.do("delete", "dr", "a")
    assert "destinationrule/a deleted in default (revision " in said
    missing = shell.run("delete", "dr", "a")
    assert "destinationrule/a is not there, in default\n" in missing.stderr


def test_what_is_selected_is_deleted_of_several_kinds(shell: Shell) -> None:
    shell.do("apply", "-f", shell.file(("a", "one"), ("b", "two")))
    said = shell.do("delete", "all", "-l", "team=a")
    assert said.count("deleted in default") == 2


def test_rolling_back_to_what_never_was_fails(shell: Shell) -> None:
    shell.do("apply", "-f", shell.file(("a", "one")))
    first = shell.run("rollback", "dr", "a")
    assert first.exit_code == 1
    assert first.stderr == "destinationrule/a.default has no former version\n"
    unknown = shell.run("rollback", "dr", "a", "--to-revision", "999")
    assert unknown.exit_code == 1
    assert "no revision '999' in its history" in unknown.stderr


def test_patch_label_and_edit_change_a_part(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.do("apply", "-f", shell.file(("a", "one")))
    shell.do("patch", "dr", "a", "-p", '{"spec":{"host":"two"}}')
    assert shell.hosts() == {"a": "two"}
    step = '[{"op":"replace","path":"/spec/host","value":"three"}]'
    shell.do("patch", "dr/a", "--type", "json", "-p", step)
    assert shell.hosts() == {"a": "three"}
    shell.do("label", "dr", "a", "team-", "tier=gold")
    found = json.loads(shell.do("get", "dr", "-l", "tier=gold,!team", "-o", "json"))
    assert len(found["items"]) == 1
    monkeypatch.setenv("MELTEMI_EDITOR", "sed -i s/three/four/")
    shell.do("edit", "dr", "a")
    assert shell.hosts() == {"a": "four"}
    monkeypatch.setenv("MELTEMI_EDITOR", "true")
    assert "unchanged" in shell.do("edit", "dr", "a")


def test_history_tells_the_reasons_and_rollback_goes_back(shell: Shell) -> None:
    shell.do("apply", "-f", shell.file(("a", "one")), "--reason", "launch")
    shell.do("apply", "-f", shell.file(("a", "two")), "--reason", "faster")
    told = shell.do("history", "dr", "a")
    assert "launch" in told
    assert "faster" in told
    shell.do("rollback", "dr", "a")
    assert shell.hosts() == {"a": "one"}
    newest = json.loads(shell.do("history", "dr", "a", "-o", "json"))[0]
    assert newest["reason"].startswith("rollback to revision")


def test_what_was_exported_can_be_imported(shell: Shell, tmp_path: Path) -> None:
    shell.do("apply", "-f", shell.file(("a", "one"), ("b", "two")))
    path = tmp_path / "all.yaml"
    path.write_text(shell.do("export"))
    shell.do("delete", "dr", "-l", "team=a")
    assert shell.hosts() == {}
    shell.do("import", "-f", str(path))
    assert shell.hosts() == {"a": "one", "b": "two"}
    path.write_text(
        path.read_text().replace("name: a", "name: a\n  resourceVersion: '1'")
    )
    refused = shell.run("import", "-f", str(path))
    assert refused.exit_code == 1
    assert "destinationrule/a refused in default" in refused.output


def test_an_invalid_object_does_not_keep_the_others_from_being_imported(
    shell: Shell,
) -> None:
    path = shell.file(("a", "one"), ("b", "two"), ("c", "three"))
    text = (shell.folder / "a.yaml").read_text()
    broken = text.replace("spec: {host: two}", "spec: {hots: two}")
    (shell.folder / "a.yaml").write_text(f"{broken}---\nkind: {{a: 1, a: 2}}\n")
    result = shell.run("import", "-f", path)
    assert result.exit_code == 65
    assert f"{path}:9:8: " in result.stderr
    assert "UNKNOWN_FIELD" in result.stderr
    assert "DUPLICATE" in result.stderr
    assert shell.hosts() == {"a": "one", "c": "three"}


def test_what_only_galley_refuses_does_not_keep_the_others_from_being_imported(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shell.file(*((f"a{number}", "one") for number in range(5)))
    made = write.body_of

    def strict(resource: Resource[Message]) -> dict[str, object]:
        body = made(resource)
        return body | {"spec": {}} if resource.metadata.name == "a3" else body

    monkeypatch.setattr(transfer, "body_of", strict)
    result = shell.run("import", "-f", path)
    assert result.exit_code == 1
    assert "destinationrule/a3 refused" in result.stderr
    assert sorted(shell.hosts()) == ["a0", "a1", "a2", "a4"]


def test_explain_tells_what_a_field_means(shell: Shell) -> None:
    told = shell.do("explain", "dr.trafficPolicy.connectionPool.tcp.connectTimeout")
    assert "<Duration>" in told.replace("\n", "")
    assert "default 10 s" in told
    assert "host <string> (required)" in shell.do("explain", "destinationrule.spec")
    assert "default 10 s" in shell.do(
        "explain", "dr.trafficPolicy.connectionPool.tcp"
    ), "what is inside is described, too"
    children = shell.do("explain", "dr.trafficPolicy.connectionPool")
    assert "tcp <TCPSettings>\n      Limits" in children, "by its type where by no more"
    assert "One of DISABLE, SIMPLE, MUTUAL," in shell.do(
        "explain", "dr.trafficPolicy.tls.mode"
    )


@pytest.mark.parametrize(
    ("word", "meant"),
    [("vs.htp", "http"), ("vs.http.retry", "retries"), ("vss", "vs")],
)
def test_explain_guesses_what_was_meant(shell: Shell, word: str, meant: str) -> None:
    unknown = shell.run("explain", word)
    assert unknown.exit_code == 2
    assert f"did you mean {meant}" in unknown.stderr


def test_events_are_shown_as_they_happen(shell: Shell) -> None:
    heard: list[str] = []
    enough = threading.Event()

    def follow() -> None:
        kinds = kinds_called("dr")
        for event in events._followed(shell.galley, kinds, ""):
            heard.append(events.line_of(event))
            if len(heard) == 2:
                enough.set()
                return

    following = threading.Thread(target=follow, daemon=True)
    following.start()
    for number in range(200):
        shell.do("apply", "-f", shell.file(("a", f"host-{number}")))
        if enough.wait(0.05):
            break
    following.join(10)
    assert [line.split(" ", 1)[1] for line in heard][-1].startswith(
        "MODIFIED DestinationRule/default/a admin"
    )
    assert "put" in shell.do("events", "--tail", "1")


def test_the_last_writes_are_those_of_the_kinds_and_the_namespace(
    shell: Shell,
) -> None:
    shell.do("apply", "-f", shell.file(("a", "one")))
    shell.do("apply", "--atomic", "-f", shell.file(("b", "one")))
    (shell.folder / "se.yaml").write_text(SERVICE)
    shell.do("apply", "-f", str(shell.folder / "se.yaml"))

    def targets(*words: str) -> list[str]:
        found = json.loads(shell.do("events", *words, "-o", "json"))
        return [each["target"].rpartition("/")[2] for each in found]

    assert targets("dr") == ["b", "a"], "a write alone, and one of several together"
    assert targets("-n", "shop") == ["a"]
    assert targets("dr,vs", "-n", "shop") == []
    assert targets("dr", "--tail", "1") == ["b"]
    assert shell.run("events", "-f", "--tail", "1").exit_code == 2


def test_a_change_is_printed_as_programs_want_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metadata = {"name": "a", "namespace": "b", "resourceVersion": "7"}
    event = {"type": "ADDED", "object": {"kind": "Gateway", "metadata": metadata}}
    events.show_event(event, Output.JSON)
    assert json.loads(capsys.readouterr().out) == event
    events.show_event(event, output_of("jsonpath=.object.kind"))
    assert capsys.readouterr().out == "Gateway\n"
    events.show_event(event, Output.YAML)
    assert capsys.readouterr().out.startswith("---\ntype: ADDED\n")
    events.show_event(event, Output.TABLE)
    assert capsys.readouterr().out == "7 ADDED Gateway/b/a\n"
