"""The pages tell the truth about what can be checked without running anything."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from meltemi.ctl.application import application

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "CHANGELOG.d/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = frozenset(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MEMBER = re.compile(
    r"(?:shared|cli|proxy|services|tests|tools|docs|examples|CHANGELOG\.d)"
    r"(?:/[\w.*-]+)*/?"
)
MODULE = re.compile(r"meltemi(?:\.[a-z][a-z0-9_]*)+")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    """Return the page without its blocks of code."""
    return FENCE.sub("", text(page))


def spans(page: str) -> list[str]:
    return INLINE.findall(prose(page))


def typed(page: str) -> Iterator[str]:
    """Yield what a reader would type: lines behind a prompt, and shell scripts."""
    for language, block in FENCE.findall(text(page)):
        for line in block.splitlines():
            if language == "console" and line.startswith("$ "):
                yield line.removeprefix("$ ")
            elif language == "bash":
                yield line


def calls(line: str, program: str) -> Iterator[list[str]]:
    """Yield the words behind ``program`` wherever a line of shell calls it."""
    words = r"(?: (?:'[^'\n]*'|[^'|;&>)#\n])+)?"
    for found in re.finditer(rf"(?:^|[\s/(]){program}({words})", line):
        yield shlex.split(found[1])


def commands(page: str, program: str) -> list[list[str]]:
    """Return the words behind every ``program`` of the page, also within prose."""
    mentioned = [span for span in spans(page) if span.startswith(f"{program} ")]
    return [
        words for line in [*typed(page), *mentioned] for words in calls(line, program)
    ]


def parse(words: list[str]) -> None:
    """Let the command line's own parser read ``words``; it raises what is wrong.

    A command's bare name is a mention of it, and needs no arguments.
    """
    if words == ["--version"]:
        return
    command = typer.main.get_command(application([]))
    name, rest = "meltemi", list(words)
    while rest:
        context = command.make_context(name, rest)
        if not isinstance(command, typer.core.TyperGroup):
            return
        asked = [*context._protected_args, *context.args]
        if not asked and command.invoke_without_command:
            return
        found, inner, rest = command.resolve_command(context, asked)
        assert inner is not None, f"{asked} names no command"
        command, name = inner, found or ""


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\s-]", "", heading.strip().lower())
    return re.sub(r"\s", "-", kept)


def test_the_pages_that_every_reader_needs_are_there() -> None:
    wanted = {"README.md", "CONTRIBUTING.md", "docs/architecture.md"}
    assert wanted <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one_that_meltemi_reads(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for words in commands(page, "meltemi"):
        parse(words)


def test_commands_are_looked_for_where_they_stand() -> None:
    found = commands("README.md", "meltemi")
    assert ["apply", "-f", "examples/bookinfo/try/reviews-90-10.yaml"] in found
    assert ["token", "create", "--ns", "default", "--sa", "hello"] in found
    assert ["wait", "virtualservice/reviews", "--for=distribution"] in found
    by_hand = commands("docs/own-workload.md", "meltemi")
    assert ["status", "-o", "json"] in by_hand
    assert len(found) > 20


@pytest.mark.parametrize(
    "misspelt",
    [
        "aply -f x.yaml",
        "apply --file x.yaml",
        "kill --all",
        "wait vs/reviews --until=distribution",
        "token crate --ns a --sa b",
        "token create --nss a",
        "pc clusters reviews-v1",
        "up --capture=iptables",
        "status -o xml",
    ],
)
def test_a_misspelt_command_is_noticed(misspelt: str) -> None:
    with pytest.raises(Exception, match=r"No such|Missing|not one of"):
        parse(misspelt.split())


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page: str) -> None:
    for words in commands(page, "make"):
        targets = [word for word in words if "=" not in word]
        unknown = [word for word in targets if word not in TARGETS]
        assert not unknown, f"{page}: make {unknown}"


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    for link in LINK.findall(prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            headings = HEADING.findall(target.read_text(encoding="utf-8"))
            assert anchor in map(slug, headings), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(page: str) -> None:
    for span in spans(page):
        path = span.partition("::")[0]
        if MEMBER.fullmatch(path) and "/" in path:
            assert list(ROOT.glob(path.rstrip("/"))), f"{page}: {span}"
    for words in commands(page, "meltemi"):
        for word in words:
            if word.startswith("examples/"):
                assert (ROOT / word).exists(), f"{page}: {word}"


@pytest.mark.parametrize("page", PAGES)
def test_every_named_test_exists(page: str) -> None:
    for span in spans(page):
        file, colons, function = span.partition("::")
        if colons:
            assert f"def {function}(" in (ROOT / file).read_text(), f"{page}: {span}"


@pytest.mark.parametrize("page", PAGES)
def test_every_module_exists(page: str) -> None:
    for span in spans(page):
        if MODULE.fullmatch(span) and not exists(span):
            pytest.fail(f"{page}: there is no {span}")


def exists(dotted: str) -> bool:
    """Tell whether ``dotted`` is a module, or a name in one."""
    parent, _, name = dotted.rpartition(".")
    try:
        if find_spec(dotted):
            return True
    except ModuleNotFoundError:
        return False
    spec = find_spec(parent)
    source = Path(spec.origin).read_text() if spec and spec.origin else ""
    return re.search(rf"\b{name}\b", source) is not None
