"""docker-compose.yml has the sidecars that the injector would give the demo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meltemi.injector import vocabulary
from meltemi.injector.compose.pod import Site
from meltemi.injector.compose.project import Wish, project_of, services_of
from meltemi.injector.compose.tree import tree_of
from meltemi.injector.sidecar import Defaults
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import read_settings
from meltemi.testkit.compose_files import plain

FILE = "docker-compose.yml"
TEXT = (Path(__file__).parents[4] / FILE).read_text(encoding="utf-8")
IMAGE = "meltemi/proxy:${MELTEMI_TAG:-dev}"
POD = "-pod"
SERVICE = """\
services:
  {name}:
    image: x
    hostname: {name}
    networks: {{default: {{aliases: [{app}]}}}}
    labels:
      app: {app}
      version: {version}
      meltemi.dev/service-account: bookinfo-{app}
      meltemi.dev/ports: http:9080
      proxy.istio.io/config: "concurrency: 1"
"""
FOR_METRICS = (
    vocabulary.CANONICAL_NAME,
    vocabulary.CANONICAL_REVISION,
    vocabulary.WORKLOAD_NAME,
)
"""Labels that the injector says aloud, and Pilot finds by itself here."""


def there(name: str) -> dict[str, object]:
    """Return a service of the file, without what only this file needs."""
    found = services_of(tree_of(TEXT, FILE), FILE)[name]
    return {key: plain(each) for key, each in found.items() if key != "build"}


def made(name: str) -> dict[str, dict[str, object]]:
    """Return what the injector makes of a workload of the demo."""
    app, _, version = name.rpartition("-")
    text = SERVICE.format(name=name, app=app, version=version)
    wish = Wish(defaults=Defaults(image=IMAGE), site=Site(network=""))
    found = project_of(tree_of(text, "f"), "f", wish).made
    return {
        each: {key: plain(value) for key, value in service.items()}
        for each, service in found.items()
    }


def settings(service: dict[str, object]) -> AgentSettings:
    environ = service["environment"]
    assert isinstance(environ, dict)
    labels = json.loads(environ["AGENT_LABELS"])
    kept = {key: each for key, each in labels.items() if key not in FOR_METRICS}
    told = {**environ, "AGENT_LABELS": json.dumps(kept)}
    told["AGENT_GALLEY_CA_FILE"] = "where the volume has it"
    return read_settings(AgentSettings, told)


WORKLOADS = [
    each.removesuffix(POD)
    for each in services_of(tree_of(TEXT, FILE), FILE)
    if each.endswith(POD)
]


def test_all_workloads_of_the_demo_are_there() -> None:
    assert len(WORKLOADS) == 6


@pytest.mark.parametrize("name", WORKLOADS)
def test_who_holds_the_network_is_the_injectors(name: str) -> None:
    found, expected = there(f"{name}-pod"), made(name)[f"{name}-pod"]
    assert found.pop("depends_on"), "the demo alone waits for its control plane"
    command = expected["command"]
    assert isinstance(command, list)
    assert command.pop() == "--dns"
    assert found == {**expected, "command": [*command, "--backend=iptables"]}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_proxy_is_the_injectors(name: str) -> None:
    found, expected = there(f"{name}-proxy"), made(name)[f"{name}-proxy"]
    for each in (found, expected):
        environ = each["environment"]
        assert isinstance(environ, dict)
        environ["AGENT_RUN_DIR"] = "forgotten where tokens are made every hour"
    assert settings(found) == settings(expected)
    assert found.pop("volumes") == [f"{name}-token:/run/meltemi:ro"], "made by a job"
    for key in ("volumes", "healthcheck"):  # which is the image's own in the demo
        expected.pop(key)
    assert {**found, "environment": {}} == {**expected, "environment": {}}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_application_waits_for_its_proxy_as_the_injector_says(name: str) -> None:
    found, expected = there(name), made(name)[name]
    for key in ("network_mode", "depends_on"):
        assert found[key] == expected[key]
    assert not {"networks", "ports", "hostname"} & found.keys()
