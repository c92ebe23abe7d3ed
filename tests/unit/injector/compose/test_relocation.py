from __future__ import annotations

import pytest

from meltemi.injector.compose.relocation import Way, unknown
from meltemi.injector.compose.value import value_of
from meltemi.testkit.compose_files import plain

WAY = Way("../app")


def service(told: dict[str, object], way: Way = WAY) -> object:
    value = value_of(told)
    assert isinstance(value, dict)
    return plain(way.service(value))


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("./data", "../app/data"),
        ("data", "../app/data"),
        (".", "../app"),
        ("./", "../app"),
        ("../other", "../app/../other"),
        ("./${X}/a", "../app/${X}/a"),
        (".\\a\\b", "../app/a/b"),
        ("/etc/x", "/etc/x"),
        ("~/x", "~/x"),
        (r"C:\x", r"C:\x"),
    ],
)
def test_a_relative_path_is_seen_from_the_new_folder(path: str, seen: str) -> None:
    assert WAY.seen(path) == seen
    assert Way().seen(path) == path


def test_a_folder_below_is_named_so_that_compose_takes_it_for_a_path() -> None:
    assert Way("app").seen("./data") == "./app/data"


def test_every_path_of_a_service_is_changed_and_nothing_else() -> None:
    told: dict[str, object] = {
        "build": {"args": {"A": "./b"}, "additional_contexts": {"x": "./x"}},
        "env_file": ["a.env", {"path": "./b.env", "required": False}],
        "develop": {"watch": [{"path": "./src", "target": "/src"}]},
        "command": "./run",
        "volumes": [
            "./data:/data:ro",
            "named:/cache",
            "/var/x:/x",
            "${D:-./d}:/d",
            {"type": "bind", "source": "conf", "target": "/conf"},
            {"type": "volume", "source": "named", "target": "/n"},
        ],
    }
    assert service(told) == {
        **told,
        "build": {
            "context": "../app",
            "args": {"A": "./b"},
            "additional_contexts": {"x": "../app/x"},
        },
        "env_file": ["../app/a.env", {"path": "../app/b.env", "required": "false"}],
        "develop": {"watch": [{"path": "../app/src", "target": "/src"}]},
        "volumes": [
            "../app/data:/data:ro",
            "named:/cache",
            "/var/x:/x",
            "${D:-./d}:/d",
            {"type": "bind", "source": "../app/conf", "target": "/conf"},
            {"type": "volume", "source": "named", "target": "/n"},
        ],
    }
    assert service(told, Way()) == plain(value_of(told))


@pytest.mark.parametrize(
    "context", ["https://a.example/x.git", "git@a.example:x", "github.com/a/b"]
)
def test_what_is_fetched_to_be_built_has_no_place(context: str) -> None:
    assert service({"build": context}) == {"build": context}
    assert service({"build": "./x"}) == {"build": "../app/x"}
    assert service({"build": "x"}) == {"build": "../app/x"}


def test_paths_of_the_file_itself_are_changed() -> None:
    file = {"a": {"file": "./a.txt"}, "b": {"external": True}}
    assert plain(WAY.section("configs", value_of(file))) == {
        "a": {"file": "../app/a.txt"},
        "b": {"external": "true"},
    }
    bound = {"type": "none", "o": "bind", "device": "./d"}
    volumes = {"d": {"driver_opts": bound}, "e": {"driver_opts": {"device": "./d"}}}
    found = plain(WAY.section("volumes", value_of(volumes)))
    assert found == {
        "d": {"driver_opts": {**bound, "device": "../app/d"}},
        "e": {"driver_opts": {"device": "./d"}},
    }
    include = ["x.yaml", {"path": ["y.yaml"], "env_file": ".env"}]
    assert plain(WAY.section("include", value_of(include))) == [
        "../app/x.yaml",
        {"path": ["../app/y.yaml"], "env_file": "../app/.env"},
    ]


def test_a_path_that_is_a_variable_is_told() -> None:
    value = value_of({"volumes": ["./a:/a", "${D:-./d}:/d", "$E:/e", "n:/n"]})
    assert isinstance(value, dict)
    assert [each.path for each in unknown(value, WAY)] == ["volumes[1]", "volumes[2]"]
    assert not list(unknown(value, Way()))
