"""The launcher's hands: real servers and applications, started, killed and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from meltemi.ctl.local import processes
from meltemi.ctl.local.interrupts import BusyError, Interrupt, locked
from meltemi.ctl.local.mesh import (
    LocalMesh,
    PartFailedError,
    StatePathTooLongError,
    Wish,
    purge,
)
from meltemi.ctl.local.part import Stage
from meltemi.ctl.local.record import Running, read_record
from meltemi.ctl.local.teardown import stay
from meltemi.ctl.local.tools import find_tools
from meltemi.ctl.local.up import bring_up
from meltemi.ctl.local.web import ask, fetch, is_ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.ctl.local.part import Part

ENVIRON = {"PATH": "/usr/bin:/bin", "PILOT_STRAY": "1", "http_proxy": "http://x"}


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[LocalMesh]:
    mesh = LocalMesh.prepare(tmp_path, find_tools(), ENVIRON, wish=Wish(demo=True))
    yield mesh
    mesh.end(mesh.record.parts)


def servers(mesh: LocalMesh) -> list[Part]:
    return [part for part in mesh.parts if part.stage is Stage.SERVERS]


def up(mesh: LocalMesh) -> list[Part]:
    parts = servers(mesh)
    mesh.start(parts)
    mesh.wait(parts, Interrupt(), lambda _: None)
    return parts


def processes_of(state: Path) -> list[str]:
    """Return the command lines that name ``state`` or are children of such."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if str(state) in " ".join(process.info["cmdline"] or ())
    ]


def test_parts_come_up_are_found_again_and_end_without_a_trace(
    mesh: LocalMesh, tmp_path: Path
) -> None:
    parts = up(mesh)
    again = LocalMesh.prepare(tmp_path, find_tools(), ENVIRON, wish=Wish(demo=False))

    assert again.parts == mesh.parts, "up again means the same mesh"
    assert again.start(parts) == (), "nothing is started twice"
    environ = psutil.Process(mesh.record.parts["details-v1-app"].pid).environ()
    assert "PILOT_STRAY" not in environ
    assert "http_proxy" not in environ

    again.end(again.record.parts)

    assert not any(is_ready(part.ready) for part in parts)
    assert processes_of(tmp_path) == []
    assert read_record(tmp_path) == again.record
    strange = tmp_path / "notes.txt"
    strange.write_text("somebody else's")
    purge(tmp_path)
    assert list(tmp_path.iterdir()) == [strange], "only what is ours goes"
    strange.unlink()
    purge(tmp_path)
    assert not tmp_path.exists()


def test_a_killed_part_comes_back_with_its_address_and_data(mesh: LocalMesh) -> None:
    parts = up(mesh)
    (etcd,) = [part for part in parts if part.name == "etcd"]
    url = etcd.ready.replace("/health", "/v3/maintenance/status")
    epoch = status(url)

    mesh.kill([etcd])

    assert mesh.running(etcd) is None
    assert not is_ready(etcd.ready)
    assert mesh.start(parts) == (etcd,)
    mesh.wait([etcd], Interrupt(), lambda _: None)
    assert status(url) == epoch, "the same cluster, so the same data"


def status(url: str) -> str:
    code, body = ask("POST", url, body={})
    assert code == 200
    return str(json.loads(body)["header"]["cluster_id"])


def test_a_part_that_fails_takes_back_what_was_started_and_shows_its_last_words(
    tmp_path: Path,
) -> None:
    broken = replace(find_tools(), python="/bin/false")
    mesh = LocalMesh.prepare(tmp_path, broken, ENVIRON, wish=Wish(demo=True))

    with pytest.raises(PartFailedError, match=r"-app did not come up: it ended"):
        bring_up(mesh, Interrupt())

    assert processes_of(tmp_path) == []
    assert mesh.record.parts == {}


def test_an_interrupt_half_way_leaves_nothing(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "meltemi.ctl", "up", "--state", str(tmp_path)]
    command = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.perf_counter() + 30
    while not (record := read_record(tmp_path)) or "etcd" not in record.parts:
        assert time.perf_counter() < deadline
        time.sleep(0.005)

    command.send_signal(signal.SIGINT)
    command.communicate(timeout=30)

    assert command.returncode == 130
    assert processes_of(tmp_path) == []
    after = read_record(tmp_path)
    assert after is not None
    assert after.parts == {}


def test_staying_in_the_foreground_ends_with_the_mesh(mesh: LocalMesh) -> None:
    parts = up(mesh)
    asked = Interrupt()
    asked.asked = True

    stay(mesh.state, asked)

    assert not any(is_ready(part.ready) for part in parts)
    stay(
        mesh.state, Interrupt()
    )  # somebody else ended it: there is nothing to stay for


def test_a_pid_that_belongs_to_somebody_else_by_now_is_left_alone() -> None:
    ourselves = psutil.Process(os.getpid())
    stale = Running(ourselves.pid, ourselves.create_time() - 100)

    assert not processes.is_alive(stale)
    assert processes.members([stale]) == []
    processes.end([stale], grace=0.1)


def test_children_of_a_part_that_is_gone_are_ended_too() -> None:
    script = "import subprocess; subprocess.Popen(['sleep', '600'])"
    parent = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    running = Running(parent.pid, psutil.Process(parent.pid).create_time())
    parent.wait()
    assert len(processes.members([running])) == 1

    processes.end([running], grace=0)

    assert processes.members([running]) == []


def test_two_commands_do_not_change_one_mesh_at_once(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(BusyError), locked(tmp_path):
        pass


def test_a_folder_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StatePathTooLongError):
        LocalMesh.prepare(
            tmp_path / ("x" * 100), find_tools(), {}, wish=Wish(demo=True)
        )


def test_the_demos_applications_answer(mesh: LocalMesh) -> None:
    parts = {part.name: part for part in up(mesh)}
    details = parts["details-v1-app"].addresses["http"]
    reviews = parts["reviews-v1-app"].addresses["http"]

    assert fetch(f"http://{details}/details/0")["id"] == 0
    assert fetch(f"http://{reviews}/reviews/0")["version"] == "v1"
    assert "host" in fetch(f"http://{reviews}/headers")["headers"]
    assert fetch(f"http://{reviews}/nothing") is None
