from __future__ import annotations

import pytest

from meltemi.config.finding import InvalidConfigError
from meltemi.injector.compose.project import Project, Wish, project_of
from meltemi.injector.compose.reference import networks_of
from meltemi.injector.compose.tree import tree_of
from meltemi.injector.compose.value import Resolver, Services
from meltemi.testkit.compose_files import plain

SHARED = """\
services:
  web: {{image: web, expose: [80], container_name: the-web{more}}}
  rider:
    image: rider
    network_mode: {mode}
    depends_on: [store]
  far:
    image: far
    network_mode: service:rider
  store: {{image: store, network_mode: host}}
"""
NO_HOLD = ', labels: {proxy.istio.io/config: "holdApplicationUntilProxyStarts: false"}'


def project(text: str) -> Project:
    return project_of(tree_of(text, "f"), "f", Wish())


@pytest.mark.parametrize("mode", ["service:web", "container:the-web"])
@pytest.mark.parametrize("name", ["rider", "far"])
def test_who_is_in_a_services_network_starts_only_behind_its_proxy(
    mode: str, name: str
) -> None:
    made = project(SHARED.format(mode=mode, more="")).made
    assert plain(made[name]["network_mode"]) == "service:web-pod"
    waits = plain(made[name]["depends_on"])
    assert isinstance(waits, dict)
    assert waits["web-proxy"] == {"condition": "service_healthy"}
    kept = {"store": {"condition": "service_started"}} if name == "rider" else {}
    assert waits == {**kept, "web-proxy": waits["web-proxy"]}


def test_without_hold_it_waits_for_the_rules_as_its_application_does() -> None:
    made = project(SHARED.format(mode="service:web", more=NO_HOLD)).made
    started = {"condition": "service_started"}
    assert plain(made["far"]["depends_on"]) == {"web-proxy": started}
    pod = plain(made["web-proxy"]["depends_on"])
    assert pod == {"web-pod": {"condition": "service_healthy"}}, "the rules are set"


def test_it_is_told_that_it_shares_an_identity() -> None:
    (told,) = (
        each
        for each in project(SHARED.format(mode="service:web", more="")).warnings
        if each.path == "services.rider.network_mode"
    )
    assert told.code == "SHARED_SIDECAR"
    assert "is web to others" in told.message
    assert (told.source.line, told.source.column) == (5, 19)


def test_of_several_it_is_the_first_whose_network_is_shared() -> None:
    made = project(
        "services: {web: {image: x, expose: [80], deploy: {replicas: 2}}, "
        "rider: {image: y, network_mode: 'service:web'}}"
    )
    assert plain(made.made["rider"]["network_mode"]) == "service:web-1-pod"
    assert any("web-1, the first of 2" in each.message for each in made.warnings)


def test_the_proxys_user_is_refused_there_too_and_ports_of_its_own_have_no_effect() -> (
    None
):
    rider = "{image: y, network_mode: 'service:web', user: '1337'}"
    with pytest.raises(InvalidConfigError, match="1337 is the proxy's"):
        project(f"services: {{web: {{image: x, expose: [80]}}, rider: {rider}}}")
    rider = "{network_mode: 'service:web', labels: {meltemi.dev/ports: 'http:81'}}"
    made = project(f"services: {{web: {{image: x, expose: [80]}}, rider: {rider}}}")
    assert any("web has the network, and its ports" in str(e) for e in made.warnings)


def test_who_shares_with_what_has_no_sidecar_is_left_as_it_was() -> None:
    made = project(
        "services: {web: {image: x, labels: {sidecar.istio.io/inject: 'false'}}, "
        "rider: {image: y, network_mode: 'service:web'}}"
    )
    assert made.made == made.before
    assert [each.code for each in made.warnings] == ["LEFT_ALONE"]


def services(text: str) -> Services:
    found = Resolver("f").value(tree_of(text, "f"))
    assert isinstance(found, dict)
    return {name: each for name, each in found.items() if isinstance(each, dict)}


def test_two_that_wait_for_each_other_are_composes_affair() -> None:
    text = "a: {network_mode: 'service:b'}\nb: {network_mode: 'service:a'}\n"
    assert set(networks_of(services(text))) == {"a", "b"}
