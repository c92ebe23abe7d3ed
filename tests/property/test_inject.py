"""Whatever a compose file says: it comes back to the byte, and means what was meant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.config.finding import InvalidConfigError
from meltemi.injector.capture_words import capture_words
from meltemi.injector.compose.edit import BEFORE, Edit, undone
from meltemi.injector.compose.project import Wish, services_of
from meltemi.injector.compose.text import injected, original
from meltemi.injector.compose.tree import tree_of
from meltemi.injector.compose.value import Resolver, quoted, value_of, written
from meltemi.injector.sidecar import Defaults, sidecar_of
from meltemi.injector.vocabulary import TRAFFIC
from meltemi.injector.workload import Workload
from meltemi.proxy.capture.options import CaptureOptions

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = st.lists(
    st.sampled_from(
        ["a", "  b: 1", "", "# c", "d\r", "é: |", "#meltemi-", " # >>> meltemi\r"]
    ),
    max_size=8,
)
WORDS = st.text("ab01:.-_/ #'\"{}[]&*!|>%@é\n", min_size=1, max_size=12)
PORTS = st.sampled_from(
    [80, "80", "8080:80", "127.0.0.1:81:80", "53:53/udp", "9000-9002", "${P:-1}:80"]
)
NAMES = st.sampled_from(["web", "db", "api", "Worker_1"])
SERVICE = st.fixed_dictionaries(
    {"image": WORDS},
    optional={
        "command": st.one_of(WORDS, st.lists(WORDS, max_size=3)),
        "ports": st.lists(PORTS, max_size=3),
        "expose": st.lists(st.sampled_from([80, "3000"]), max_size=2),
        "environment": st.one_of(
            st.dictionaries(WORDS, WORDS, max_size=3), st.lists(WORDS, max_size=2)
        ),
        "depends_on": st.lists(NAMES, unique=True, max_size=2),
        "networks": st.one_of(
            st.just(["inner"]), st.just({"inner": {"aliases": ["x"]}})
        ),
        "network_mode": st.sampled_from(["host", "service:web"]),
        "deploy": st.fixed_dictionaries({"replicas": st.integers(0, 3)}),
        "labels": st.dictionaries(st.sampled_from(["version", "a.b"]), WORDS),
    },
)
PROJECT = st.dictionaries(NAMES, SERVICE, min_size=1, max_size=3)


def spelled(services: dict[str, object], *, flow: bool | None, indent: int) -> str:
    """Return a compose file in one of the styles that people's programs write."""
    whole = {"services": services, "volumes": {"data": None}}
    text: str = yaml.safe_dump(
        whole,
        default_flow_style=flow,
        indent=indent,
        sort_keys=False,
        allow_unicode=True,
    )
    return text


@given(
    services=PROJECT,
    flow=st.sampled_from([None, False, True]),
    indent=st.integers(2, 4),
    unended=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_a_file_comes_back_to_the_byte_and_twice_is_once(
    services: dict[str, object], *, flow: bool | None, indent: int, unended: bool
) -> None:
    text = spelled(services, flow=flow, indent=indent)
    text = text.removesuffix("\n") if unended else text
    try:
        made, project = injected(text, "compose.yaml", Wish())
    except InvalidConfigError:
        return  # a name that clashes, say
    assert original(made) == (text, True)
    assert injected(made, "compose.yaml", Wish())[0] == made
    assert services_of(tree_of(made, "made"), "made") == project.made
    yaml.safe_load(made)


GOLDENS = Path(__file__).parents[1] / "golden/inject"
FILES = sorted(
    each
    for each in GOLDENS.glob("*/*")
    if each.name not in ("mesh.yaml", "services.yaml", "told.txt")
)
OURS = ("#meltemi-x", "# >>> meltemi", "  # <<< meltemi")
"""Lines of the user's own that look like ours; with one of `BEFORE` they would be."""
STYLES: dict[str, Callable[[str], str]] = {
    "ends of Windows": lambda text: text.replace("\r", "").replace("\n", "\r\n"),
    "no last end": lambda text: text.rstrip("\r\n"),
    "empty lines behind": lambda text: f"{text}\n\n  \n",
    "a mark of order": lambda text: f"\ufeff{text.removeprefix(chr(0xFEFF))}",
    "comments around": lambda text: f"# before\n{text}\n# behind\n  # indented",
    "a document's marks": lambda text: f"---\n{text.rstrip()}\n...\n",
    "fields of extension": lambda text: (
        f"{text.rstrip()}\nx-a: &ours {{b: [1, '2']}}\nx-meltemi: *ours\n"
    ),
    "comments like ours": lambda text: "\n".join((*OURS, text.rstrip(), *OURS)),
    "a digest like ours": lambda text: f"{BEFORE} {'0' * 32}\n{text}",
    "comments on every line": lambda text: re.sub(
        r"(?m)^( *[-\w]+:)$", r"\1 # why\t'x", text
    ),
}


@given(
    file=st.sampled_from(FILES),
    styles=st.lists(st.sampled_from(sorted(STYLES)), unique=True, max_size=4),
)
@settings(max_examples=400, deadline=None)
def test_a_file_of_any_style_comes_back_to_the_byte(
    file: Path, styles: list[str]
) -> None:
    text = file.read_bytes().decode()
    for each in styles:
        text = STYLES[each](text)
    try:
        made, project = injected(text, "f", Wish())
    except InvalidConfigError:
        return  # of no use in any style, or no YAML in this one
    assert original(made) == (text, True)
    assert injected(made, "f", Wish())[0] == made
    assert services_of(tree_of(made, "f"), "f") == project.made


def test_a_text_of_the_users_own_that_looks_like_ours_stays_theirs() -> None:
    command = "".join(f"        {each}\n" for each in OURS)
    text = f"services:\n  web:\n    image: x\n    command: |\n{command}"
    made, project = injected(text, "f", Wish())
    assert original(made) == (text, True)
    kept = project.made["web"]["command"]
    assert kept == project.before["web"]["command"], "to the byte"
    assert yaml.safe_load(made)["services"]["web"]["command"] == str(kept)


def test_an_injected_file_whose_ends_were_changed_is_taken_apart_all_the_same() -> None:
    text = FILES[0].read_bytes().decode()
    made, _ = injected(text, "f", Wish())
    windows = made.replace("\n", "\r\n")
    assert original(windows) == (text.replace("\n", "\r\n"), False)


@given(
    text=LINES.map("\n".join),
    gone=st.sets(st.integers(0, 8)),
    come=st.dictionaries(st.integers(-1, 8), st.just(["  x: y", "z:"]), max_size=3),
)
def test_every_edit_can_be_taken_back(
    text: str, gone: set[int], come: dict[int, list[str]]
) -> None:
    assert undone(Edit(gone, dict(come)).applied(text)) == text


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_t21_a_string_stays_one_string_for_every_reader(text: str) -> None:
    assert yaml.safe_load(f"key: {quoted(text)}\n") == {"key": text}


JSON = st.recursive(
    st.one_of(WORDS, st.integers(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=st.dictionaries(WORDS, JSON, min_size=1, max_size=4))
def test_what_is_written_is_what_is_read(value: dict[str, object]) -> None:
    lines = "\n".join(written(value_of(value), 0)) + "\n"
    assert Resolver("f").value(tree_of(lines, "f")) == value_of(value)
    assert yaml.safe_load(lines) == value


ANNOTATIONS = st.dictionaries(
    st.sampled_from(
        [
            *("includeInboundPorts", "excludeInboundPorts", "includeOutboundPorts"),
            *("excludeOutboundPorts", "includeOutboundIPRanges"),
            *("excludeOutboundIPRanges", "excludeInterfaces"),
        ]
    ),
    st.one_of(
        st.text("0123456789,*./ eth:", max_size=16),
        st.sampled_from(["*", "80,90", "10.0.0.0/8", "", "fd00::/8,10.1.1.1"]),
    ),
    max_size=4,
)
FIELDS = {
    "--inbound-ports": "inbound_ports",
    "--exclude-inbound-ports": "inbound_exclude",
    "--outbound-ports": "outbound_ports",
    "--exclude-outbound-ports": "outbound_exclude",
    "--outbound-ranges": "outbound_ranges",
    "--exclude-outbound-ranges": "outbound_ranges_exclude",
    "--exclude-interfaces": "interfaces_exclude",
}


@given(said=ANNOTATIONS)
@settings(max_examples=300)
def test_what_the_injector_takes_the_capture_takes(said: dict[str, str]) -> None:
    annotations = {f"{TRAFFIC}{key}": text for key, text in said.items()}
    workload = Workload("web", "default", "web", annotations=annotations)
    sidecar, findings = sidecar_of(workload, Defaults())
    words = [each for each in capture_words(sidecar.capture) if "=" in each]
    given_: dict[str, Any] = {
        FIELDS[option]: tuple(each for each in listed.split(",") if each)
        for option, _, listed in (each.partition("=") for each in words)
    }
    CaptureOptions(**given_)
    assert {each.path for each in findings} <= {
        f'labels["{key}"]' for key in annotations
    }
