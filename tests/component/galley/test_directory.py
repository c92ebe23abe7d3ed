"""A folder of YAML that Galley keeps in force: real process, real etcd."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from meltemi.testkit.processes import (
    Program,
    accepts,
    etcd_server,
    free_port,
    nats_server,
    python,
    running,
)
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
YAML = {"Content-Type": "application/yaml"}
ADMIN = {"Authorization": "Bearer secret"}
RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: NAME}
spec: {host: HOST}
"""


@dataclass
class Sourced:
    """A Galley, and the folder it keeps in force."""

    folder: Path
    client: httpx2.Client

    def write(self, name: str, host: str) -> None:
        text = RULE.replace("NAME", name).replace("HOST", host)
        (self.folder / f"{name}.yaml").write_text(text)

    def hosts(self) -> dict[str, str]:
        found = self.client.get(RULES).json()["items"]
        return {each["metadata"]["name"]: each["spec"]["host"] for each in found}

    def state(self) -> dict[str, Any]:
        (found,) = self.client.get("/api/v1/sources").json()["items"]
        return dict(found)

    async def becomes(self, condition: Callable[[], bool]) -> None:
        await until(condition)


@pytest.fixture
def sourced(tmp_path: Path) -> Iterator[Sourced]:
    folder, port = tmp_path / "config", free_port()
    folder.mkdir()
    (tmp_path / "token").write_text("secret\n")
    (folder / "one.yaml").write_text(RULE.replace("NAME", "one").replace("HOST", "a"))
    with etcd_server() as etcd, nats_server() as nats:
        environ = {
            "PATH": os.defpath,
            "GALLEY_HTTP_ADDRESS": f"127.0.0.1:{port}",
            "GALLEY_ETCD_ENDPOINTS": etcd.address,
            "GALLEY_NATS_URL": nats.url,
            "GALLEY_ADMIN_TOKEN_FILE": str(tmp_path / "token"),
            "GALLEY_CONFIG_DIR": str(folder),
        }
        log, argv = tmp_path / "galley.log", python("meltemi.galley")
        url = f"http://127.0.0.1:{port}"
        with (
            running(Program(argv, lambda: accepts(port), log, environ)),
            httpx2.Client(base_url=url, headers=ADMIN, trust_env=False) as client,
        ):
            yield Sourced(folder, client)


async def test_what_the_folder_says_is_in_force_and_leaves_with_its_file(
    sourced: Sourced,
) -> None:
    await sourced.becomes(lambda: sourced.client.get("/readyz").status_code == 200)
    assert sourced.hosts() == {"one": "a"}, "ready means that it was read"
    sourced.client.put(
        f"{RULES}/mine", content=RULE.replace("NAME", "mine"), headers=YAML
    )
    sourced.write("two", "b")
    sourced.write("one", "c")
    await sourced.becomes(lambda: sourced.hosts().get("two") == "b")
    await sourced.becomes(lambda: sourced.hosts()["one"] == "c")
    (sourced.folder / "one.yaml").unlink()
    await sourced.becomes(lambda: "one" not in sourced.hosts())
    assert sourced.hosts() == {"two": "b", "mine": "HOST"}, "the API's own stay"
    audit = sourced.client.get("/api/v1/audit?actor=directory").json()["items"]
    assert audit[0]["outcome"] == "deleted"
    assert audit[0]["reason"] == "it left the directory"
    assert audit[-1]["reason"] == f"as {sourced.folder / 'one.yaml'} says"


async def test_a_folder_that_does_not_hold_together_changes_nothing(
    sourced: Sourced,
) -> None:
    await sourced.becomes(lambda: sourced.hosts() == {"one": "a"})
    sourced.write("one", "b")
    broken = sourced.folder / "two.yaml"
    broken.write_text(RULE.replace("NAME", "two").replace("host", "hots"))
    await sourced.becomes(lambda: bool(sourced.state()["problems"]))
    (problem, *_) = sourced.state()["problems"]
    assert problem.startswith(f"{broken}:4:8: UNKNOWN_FIELD")
    assert sourced.state()["objects"] == 1
    assert set(sourced.hosts()) == {"one"}
    sourced.write("two", "b")
    await sourced.becomes(lambda: sourced.hosts() == {"one": "b", "two": "b"})
    assert sourced.state()["problems"] == []


async def test_what_others_make_of_its_objects_is_put_right(sourced: Sourced) -> None:
    await sourced.becomes(lambda: sourced.hosts() == {"one": "a"})
    assert sourced.client.delete(f"{RULES}/one").status_code == 200
    sourced.write("two", "b")
    await sourced.becomes(lambda: sourced.hosts() == {"one": "a", "two": "b"})
