"""A compose file that the mesh has never seen, put into it as docs/injector.md tells."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from meltemi.testkit.compose import RESET, ROOT, SECONDS, ComposeMesh
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

PAGE = (ROOT / "docs/injector.md").read_text(encoding="utf-8")
EXAMPLE = "examples/kitchen"
WAITER = "URI=spiffe://cluster.local/ns/default/sa/waiter"
GATEWAY = "sa/istio-ingressgateway-service-account"


def told(heading: str) -> list[str]:
    """Return what the page has its reader type below ``heading``."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\$ (docker .*|cat .*)$", section, re.MULTILINE)


INJECT, APPLY, UP, DOWN, DELETE, UNINJECT = told("Into the compose mesh")


@dataclass(frozen=True)
class Kitchen:
    """The application, as a project of its own beside the mesh's."""

    mesh: ComposeMesh
    folder: Path
    port: int

    @property
    def project(self) -> str:
        """What Compose calls it."""
        return f"{self.mesh.project}-kitchen"

    @property
    def place(self) -> Path:
        """Where its files are."""
        return self.folder / EXAMPLE

    def type(self, line: str) -> bytes:
        """Return what ``line`` prints; both projects have names of their own here."""
        compose = shlex.join(self.mesh.command)
        own = shlex.join(["-p", self.project])
        base = shlex.join(["-p", self.mesh.project, "-f", f"{ROOT}/docker-compose.yml"])
        shell = (
            'docker() { shift; if [ "$1" = -f ];'
            f' then command {compose} {own} "$@"; else command {compose} {base} "$@";'
            f" fi; }}\n{line}"
        )
        ended = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", shell],
            cwd=self.folder,
            env={**self.mesh.environ, "WAITER_PORT": str(self.port)},
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
        said = f"{line}\n{ended.stdout.decode()[-3000:]}{ended.stderr.decode()[-3000:]}"
        assert ended.returncode == 0, said
        return ended.stdout

    def compose(self, *words: str) -> None:
        """Have Compose do something to the application."""
        file = f"{EXAMPLE}/mesh.yaml"
        self.type(shlex.join(["docker", "compose", "-f", file, *words]))

    def menu(self) -> list[dict[str, str]]:
        """Return the callers that each application was told of; none while it fails."""
        status, text = self.mesh.get("/menu")
        if status != http.client.OK:
            return []
        answer = json.loads(text)
        found = [answer, *answer["others"]]
        return found if all(isinstance(each, dict) for each in found) else []

    def proxies(self) -> set[str]:
        """Return its proxies that have a Pilot."""
        names = ("waiter", "chef", "cellar-1", "cellar-2")
        wanted = {f"{each}.default" for each in names}
        rows = self.mesh.json("ps")
        return wanted & {each["proxy"] for each in rows if each["connected"]}


@pytest.fixture(scope="module")
def kitchen(
    mesh: ComposeMesh, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kitchen]:
    folder = tmp_path_factory.mktemp("kitchen")
    made = Kitchen(mesh, folder, free_port())
    made.place.mkdir(parents=True)
    for name in ("compose.yaml", "kitchen.py", "way-in.yaml"):
        shutil.copy(ROOT / EXAMPLE / name, made.place)
    made.type(INJECT)
    made.type(APPLY)
    try:
        made.type(UP)
        made.mesh.until(lambda: made.menu() != [])
        yield made
    finally:
        made.type(DOWN)
        made.type(DELETE)
    mesh.until(lambda: made.proxies() == set())


def test_applications_call_each_other_by_name_with_mutual_tls(kitchen: Kitchen) -> None:
    waiter, chef, cellar = kitchen.menu()
    assert [waiter["name"], chef["name"], cellar["name"]] == [
        "waiter",
        "chef",
        "cellar",
    ]
    assert GATEWAY in waiter["caller"]
    assert WAITER in chef["caller"]
    assert WAITER in cellar["caller"]
    assert len(kitchen.proxies()) == 4


def test_every_replica_is_called(kitchen: Kitchen) -> None:
    assert len({kitchen.menu()[2]["host"] for _ in range(30)}) == 2


def test_plain_text_from_outside_of_the_mesh_is_refused(kitchen: Kitchen) -> None:
    network = f"{kitchen.project}_default"
    for url in ("http://chef:7000/", "http://cellar/", "http://waiter:8080/"):
        assert kitchen.mesh.outsider(url, network) == RESET, url
    with pytest.raises(OSError, match=r"reset|closed"):
        urlopen(f"http://127.0.0.1:{kitchen.port}/", timeout=5)


def test_an_application_restarts_without_losing_its_neighbours(
    kitchen: Kitchen,
) -> None:
    with kitchen.mesh.load("/menu", said='"name": "cellar"') as load:
        kitchen.compose("restart", "--timeout", "5", "chef")
        kitchen.mesh.until(lambda: load.answered > 10)
    assert load.failed == []
    kitchen.mesh.until(lambda: kitchen.menu() != [])


def test_new_tokens_are_made_by_the_same_command_and_change_nothing_else(
    kitchen: Kitchen,
) -> None:
    def files() -> dict[str, bytes]:
        found = [each for each in kitchen.place.rglob("*") if each.is_file()]
        return {each.name: each.read_bytes() for each in found}

    before = files()
    kitchen.type(INJECT)
    after = files()
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        f"{each}.token" for each in ("waiter", "chef", "cellar-1", "cellar-2")
    }
    kitchen.compose("restart", "--timeout", "15", "chef-proxy")
    kitchen.mesh.until(lambda: kitchen.menu() != [])


def test_a_proxy_that_starts_again_shows_its_certificate_and_needs_no_token(
    kitchen: Kitchen,
) -> None:
    token = kitchen.place / "tokens" / "chef.token"
    good = token.read_bytes()
    token.write_bytes(b"spent\n")
    try:
        kitchen.compose("up", "-d", "--force-recreate", "--no-deps", "chef-proxy")
        kitchen.mesh.until(lambda: kitchen.menu() != [])
        assert kitchen.mesh.json("ps")
    finally:
        token.write_bytes(good)


def test_an_application_that_fails_its_health_check_is_called_no_more(
    kitchen: Kitchen,
) -> None:
    def well() -> object:
        listed = kitchen.mesh.json("workload", "list")
        return {each["name"]: each["well"] for each in listed}["chef.default"]

    assert well() is True
    kitchen.compose("stop", "--timeout", "5", "chef")
    kitchen.mesh.until(lambda: well() is False)
    kitchen.compose("start", "chef")
    kitchen.mesh.until(lambda: well() is True and kitchen.menu() != [])


def test_the_file_is_given_back_to_the_byte(kitchen: Kitchen) -> None:
    assert kitchen.type(UNINJECT) == (ROOT / EXAMPLE / "compose.yaml").read_bytes()
