"""What docker-compose.yml and the Dockerfiles promise, read without a daemon."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from meltemi.ctl.containers.keys import OWN
from meltemi.ctl.containers.places import PLACES, Newcomer
from meltemi.ctl.local.demo import WORKLOADS

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: each for name, each in SERVICES.items() if "build" in each}
DOCKERFILES = sorted((ROOT / "deploy/docker").glob("*.Dockerfile"))
JOBS = {"keys", "accounts", "objects", "inject"}
WRITERS = {"keys", "tokens", "vault-pki"}
"""Who puts things into the volumes of others."""


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_has_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    if name in OURS:
        assert service["read_only"]
        assert service["init"]
    if name.endswith("-pod"):
        assert (service["user"], service["cap_add"]) == ("0:0", ["NET_ADMIN"])
    elif name == "inject":  # a person's command, which writes into their folder
        rights = ["CHOWN", "DAC_OVERRIDE"]
        assert (service["user"], service["cap_add"]) == ("0:0", rights)
        assert service["profiles"] == ["inject"]
    elif name in OURS:
        assert service["user"] in ("1337:1337", "10001:10001")
        assert "cap_add" not in service


def test_images_of_others_are_in_the_profile_obs_alone() -> None:
    foreign = {name for name in SERVICES if name not in OURS}
    assert foreign == {"otel-collector", "jaeger", "prometheus", "grafana"}
    assert all(SERVICES[name]["profiles"] == ["obs"] for name in foreign)
    for service in OURS.values():
        assert re.fullmatch(r"meltemi/\w+:\$\{MELTEMI_TAG:-dev\}", service["image"])


def test_ports_are_published_on_this_machine_alone_and_by_few() -> None:
    published = {
        name: each["ports"] for name, each in SERVICES.items() if "ports" in each
    }
    assert set(published) == {"galley", "gateway", "jaeger", "prometheus", "grafana"}
    for ports in published.values():
        assert all(each.startswith("127.0.0.1:") for each in ports)


@pytest.mark.parametrize("name", OURS)
def test_everybody_tells_how_it_is_but_jobs_that_end(name: str) -> None:
    service = OURS[name]
    target = service["build"].get("target", "vault")
    if name in JOBS:
        assert service["healthcheck"] == {"disable": True}
        assert service["restart"] in ("no", "on-failure")
    elif target == "control":
        assert service["healthcheck"]["test"][0] == "CMD"
    else:
        stage = _stages()[target]
        assert "healthcheck" in service or "HEALTHCHECK" in stage


FINAL = {"control", "proxy", "demo", "etcd", "nats", "vault"}
"""The stages that images are made of."""
NO_PACKAGES = {"demo", "vault"}
"""Those without packages of Python's: its standard library alone, and one Go program."""


def test_every_image_is_a_stage_that_is_known_here() -> None:
    targets = {each["build"].get("target", "vault") for each in OURS.values()}
    assert targets == FINAL


@pytest.mark.parametrize("name", sorted(FINAL))
def test_an_image_is_nobodys_root_and_tells_how_it_is(name: str) -> None:
    stage, above = _stages()[name], ""
    if name in ("etcd", "nats"):
        above = _stages()["server"]
    (user,) = re.findall(r"^USER (\S+)$", f"{above}{stage}", re.MULTILINE)
    assert user in ("1337:1337", "10001:10001")
    told_by_compose = name == "control"  # which is many services
    assert ("HEALTHCHECK" in stage) is not told_by_compose


@pytest.mark.parametrize("name", sorted(FINAL - NO_PACKAGES))
def test_an_image_lists_the_packages_that_are_in_it(name: str) -> None:
    folder = "/opt/meltemi" if name in ("control", "proxy") else "/opt/sbom.cdx.json"
    assert re.search(rf"^COPY --from=\w+ {folder} /opt", _stages()[name], re.MULTILINE)
    source = _stages()["enveloped" if name == "proxy" else "built"]
    assert "cyclonedx-py environment --output-format JSON -o /opt/" in source


def test_a_base_is_pinned_by_whoever_builds_in_one_place() -> None:
    for name, service in OURS.items():
        base = service["build"]["args"]["BASE"]
        assert base == "${MELTEMI_BASE:-python:3.11-slim-bookworm}", name
    for file in DOCKERFILES:
        bases = re.findall(r"^FROM (\S+)", file.read_text("utf-8"), re.MULTILINE)
        assert "${BASE}" in bases
        assert not [each for each in bases if ":" in each], (
            "all that is foreign is BASE"
        )


def test_what_a_new_volume_takes_its_owner_from_is_in_the_image_of_proxies() -> None:
    assert re.search(
        r"install -d -o meltemi -g meltemi -m 0700 .*/run/agent\b", _stages()["proxy"]
    )


@pytest.mark.parametrize("name", OURS)
def test_a_tmpfs_has_no_owner_and_no_mode_which_podman_or_a_restart_would_lose(
    name: str,
) -> None:
    assert set(OURS[name].get("tmpfs", ())) <= {"/tmp", "/run"}  # noqa: S108 - of containers


def _stages() -> dict[str, str]:
    found = {"vault": (ROOT / "deploy/docker/vault.Dockerfile").read_text("utf-8")}
    for file in DOCKERFILES:
        for stage in re.split(r"^FROM ", file.read_text("utf-8"), flags=re.MULTILINE)[
            1:
        ]:
            named = re.match(r"\S+ AS (\w+)", stage)
            if named:
                found[named[1]] = stage
    return found


def test_a_volume_is_seen_by_one_service_and_those_who_write_it() -> None:
    readers: dict[str, set[str]] = {}
    for name, service in OURS.items():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            readers.setdefault(source, set()).add(name)
    shared = {
        source: names - WRITERS
        for source, names in readers.items()
        if len(names - WRITERS) > 1
    }
    assert shared == {
        "galley-keys": {"galley", "objects"},
        "citadel-keys": {"citadel", "inject"},
        "injector-keys": {"injector", "inject"},
    }
    assert readers["keeper"] == {"keys", "accounts", "vault-pki"}
    for name in set(OURS) - WRITERS:
        for volume in SERVICES[name].get("volumes", ()):
            assert volume.endswith((":ro", ":/var/lib/meltemi")), (name, volume)


def test_every_folder_of_a_volume_is_in_the_image_whose_owner_it_takes() -> None:
    made = _stages()["control"]
    folders = set(made[made.index("cd /mesh") : made.index("COPY")].split())
    wanted = {
        volume.split(":")[1].removeprefix("/mesh/")
        for name in (*WRITERS, "accounts")
        for volume in SERVICES[name]["volumes"]
    }
    assert wanted <= folders
    assert {OWN, *(each.name for each in PLACES)} <= wanted


def test_tokens_are_made_for_all_who_need_one_and_for_whom_they_say_they_are() -> None:
    words = SERVICES["tokens"]["command"]
    made = {each.name: each for each in map(Newcomer.parse, filter(_spelled, words))}
    proxies = {
        each["environment"]["AGENT_NAME"]: each["environment"]
        for each in OURS.values()
        if "AGENT_NAME" in each.get("environment", {})
    }
    assert set(made) == {"pilot-0", "pilot-1", *proxies}
    assert set(proxies) == {"gateway", *(each.name for each in WORKLOADS)}
    for name, environ in proxies.items():
        told = (
            environ.get("AGENT_NAMESPACE", "default"),
            environ["AGENT_SERVICE_ACCOUNT"],
        )
        assert (made[name].namespace, made[name].account) == told


def _spelled(word: str) -> bool:
    return "/" in word and not word.startswith("-")


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: each.name)
def test_a_workload_is_three_services_in_the_namespace_of_the_first(
    workload: Any,
) -> None:
    name = workload.name
    pod, proxy, app = (SERVICES[f"{name}{end}"] for end in ("-pod", "-proxy", ""))
    assert pod["networks"]["default"]["aliases"] == [workload.app, name]
    for inside in (proxy, app):
        assert inside["network_mode"] == f"service:{name}-pod"
        assert "networks" not in inside
    assert app["depends_on"] == {f"{name}-proxy": {"condition": "service_healthy"}}
    assert proxy["depends_on"] == {f"{name}-pod": {"condition": "service_healthy"}}
    assert proxy["environment"]["AGENT_INTERCEPTION_MODE"] == "REDIRECT"


def test_old_and_new_compose_take_the_file_and_builders_need_no_registry() -> None:
    assert set(FILE) - {each for each in FILE if each.startswith("x-")} == {
        "services",
        "networks",
        "volumes",
    }, "neither version nor name: each is refused or warned of by one of them"
    for file in DOCKERFILES:
        text = file.read_text(encoding="utf-8")
        assert "# syntax=" not in text
        assert text.count("ARG BASE=python:3.11-slim-bookworm") == 1
        assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= {
            "${BASE}",
            *_stages(),
        }
        assert "USER " in text
