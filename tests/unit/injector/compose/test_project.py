from __future__ import annotations

import pytest

from meltemi.config.finding import InvalidConfigError
from meltemi.injector.compose.project import Project, Wish, project_of
from meltemi.injector.compose.text import injected, original
from meltemi.injector.compose.tree import USERS, tree_of
from meltemi.testkit.compose_files import plain


def project(text: str) -> Project:
    return project_of(tree_of(text, "f"), "f", Wish())


TWO = """\
services:
  db: {image: postgres, expose: [5432], deploy: {replicas: 2}}
  web:
    image: web
    network_mode: service:db
    ipc: service:db
    depends_on: [db]
    volumes_from: ["db:ro"]
  old: {image: old, links: ["db:database", db]}
"""


def test_who_refers_to_a_service_refers_to_what_it_became() -> None:
    made = project(TWO).made
    web = {key: plain(each) for key, each in made["web"].items()}
    assert web["network_mode"] == "service:db-1-pod"
    assert web["ipc"] == "service:db-1"
    assert web["volumes_from"] == ["db-1:ro"]
    assert web["depends_on"] == {
        "db-1": {"condition": "service_started"},
        "db-2": {"condition": "service_started"},
        "db-1-proxy": {"condition": "service_healthy"},
    }
    assert plain(made["old-pod"]["links"]) == ["db-1-pod:database", "db-1-pod:db"]
    assert "links" not in made["old"]


def test_the_holder_has_one_capability_and_the_proxy_none() -> None:
    made = project("services: {web: {image: x, expose: [80]}}").made
    holder, proxy = made["web-pod"], made["web-proxy"]
    for each in (holder, proxy):
        assert plain(each["cap_drop"]) == ["ALL"]
        assert plain(each["read_only"]) == "true"
        assert plain(each["security_opt"]) == ["no-new-privileges:true"]
    assert plain(holder["cap_add"]) == ["NET_ADMIN"]
    assert "cap_add" not in proxy
    assert plain(proxy["user"]) == "1337:1337"


@pytest.mark.parametrize("user", ["1337", "1337:1000", "1000:1337", "0:1337"])
def test_who_the_rules_let_pass_is_refused(user: str) -> None:
    with pytest.raises(InvalidConfigError, match="1337 is the proxy's"):
        project(f'services: {{web: {{image: x, user: "{user}", expose: [80]}}}}')


def test_an_application_without_hold_waits_for_the_start_alone() -> None:
    config = "holdApplicationUntilProxyStarts: false"
    text = f'services: {{web: {{image: x, labels: {{proxy.istio.io/config: "{config}"}}}}}}'
    waits = plain(project(text).made["web"]["depends_on"])
    assert waits == {"web-proxy": {"condition": "service_started"}}


def test_a_dollar_of_a_label_stays_one() -> None:
    text = 'services: {web: {image: x, labels: {app: web, version: "v1$$x"}}}'
    environment = plain(project(text).made["web-proxy"]["environment"])
    assert isinstance(environment, dict)
    assert "v1" not in environment["AGENT_LABELS"], "it is no value of a label"


def test_two_services_that_would_be_one_workload_are_refused() -> None:
    with pytest.raises(InvalidConfigError, match="so is another one"):
        project("services: {a_b: {image: x}, a-b: {image: x}}")


def test_a_file_that_becomes_large_keeps_its_text() -> None:
    service = "  s{}:\n    image: x # why\n"
    text = "services:\n" + "".join(service.format(n) for n in range(700))
    made, _ = injected(text, "f", Wish())
    assert len(made) > USERS.text
    assert made.count("# why") == 700
    assert original(made) == (text, True)
