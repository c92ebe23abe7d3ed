from __future__ import annotations

import pytest
import yaml

from meltemi.injector.compose.merging import merged


def both(earlier: str, later: str) -> object:
    files = [
        (name, f"services: {{web: {{{each}}}}}")
        for name, each in (("base.yaml", earlier), ("override.yaml", later))
    ]
    found = yaml.safe_load(merged(files))
    return found["services"]["web"]


@pytest.mark.parametrize(
    ("earlier", "later", "found"),
    [
        ("${DATA:-./a}:/data", "./b:/data:ro", ["./b:/data:ro"]),
        ("./a:/data", "${DATA:-${HOME}/b}:/data", ["${DATA:-${HOME}/b}:/data"]),
        ("${A:-x}:/a", "${A:-x}:/b", ["${A:-x}:/a", "${A:-x}:/b"]),
        ("./a:${AT:-/a}", "./b:${AT:-/a}", ["./b:${AT:-/a}"]),
        (r"C:\a:/data", "./b:/data", ["./b:/data"]),
        ("/cache", "cache:/cache", ["cache:/cache"]),
    ],
)
def test_a_later_volume_replaces_the_one_at_its_place_whatever_the_variables(
    earlier: str, later: str, found: list[str]
) -> None:
    told = both(f"volumes: ['{earlier}']", f"volumes: ['{later}']")
    assert told == {"volumes": found}


def test_variables_pass_through_untouched() -> None:
    earlier = """ports: ["${P:-8080}:80"], environment: {A: "${A:?say A}", B: $$x}"""
    later = """ports: ["${Q-1}:${R:-81}"], environment: ["C=${C:-a=b:c}"]"""
    assert both(earlier, later) == {
        "ports": ["${P:-8080}:80", "${Q-1}:${R:-81}"],
        "environment": {"A": "${A:?say A}", "B": "$$x", "C": "${C:-a=b:c}"},
    }


def test_a_folder_to_build_is_joined_with_what_more_is_said_of_building() -> None:
    found = both("build: ./web", "build: {args: {A: '1'}}")
    assert found == {"build": {"context": "./web", "args": {"A": "1"}}}
