from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import httpx2
import psutil
import pytest

from meltemi.runtime.settings import Address
from meltemi.testkit.agents import local
from meltemi.testkit.citadels import citadel_environ
from meltemi.testkit.processes import Program, accepts, etcd_server, python, running
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.system

TOKEN = {"namespace": "default", "service_account": "bookinfo-reviews"}


def agent_environ(directory: Path, citadel: dict[str, str]) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "AGENT_NAME": "reviews-v1",
        "AGENT_SERVICE_ACCOUNT": "bookinfo-reviews",
        "AGENT_CITADEL_BOOTSTRAP": citadel["CITADEL_BOOTSTRAP_ADDRESS"],
        "AGENT_CITADEL_RENEWAL": citadel["CITADEL_RENEWAL_ADDRESS"],
        "AGENT_ROOT_CERT_FILE": str(directory / "citadel/root-cert.pem"),
        "AGENT_TOKEN_FILE": str(directory / "token"),
        "AGENT_PILOTS": str(local()),
        "AGENT_RUN_DIR": str(directory / "run"),
        "AGENT_ADMIN_ADDRESS": str(local()),
        "AGENT_STATUS_ADDRESS": str(local()),
        "AGENT_CONCURRENCY": "1",
        "AGENT_DRAIN_SECONDS": "0.2",
    }


def answers(url: str, status: int = 200) -> bool:
    try:
        return httpx2.get(url, trust_env=False).status_code == status
    except httpx2.HTTPError:
        return False


def program(module: str, directory: Path, environ: dict[str, str], url: str) -> Program:
    log = directory / f"{module}.log"
    return Program(python(module), lambda: answers(url), log, environ)


def envoy_of(agent: subprocess.Popen[bytes]) -> psutil.Process:
    (child,) = psutil.Process(agent.pid).children()
    return child


@contextlib.contextmanager
def joined_agent(directory: Path) -> Iterator[Program]:
    """Run etcd, Citadel and an agent that has its certificate."""
    with etcd_server() as etcd:
        citadel = citadel_environ(directory, etcd.address)
        http = f"http://{citadel['CITADEL_HTTP_ADDRESS']}"
        issuing = program("meltemi.citadel", directory, citadel, f"{http}/readyz")
        with running(issuing):
            answer = httpx2.post(
                f"{http}/v1/ca/tokens",
                json=TOKEN,
                headers={"authorization": "Bearer open-sesame"},
                trust_env=False,
            )
            (directory / "token").write_text(answer.json()["token"])
            environ = agent_environ(directory, citadel)
            alive = f"http://{environ['AGENT_STATUS_ADDRESS']}/livez"
            agent = program("meltemi.proxy", directory, environ, alive)
            with running(agent):
                yield agent
            words = issuing.log.read_text() + agent.log.read_text()
            assert "PRIVATE" not in words
            assert answer.json()["token"] not in words


async def test_a_killed_agent_takes_its_envoy_with_it_and_needs_no_new_token(
    tmp_path: Path,
) -> None:
    with joined_agent(tmp_path) as agent:
        assert agent.process
        assert agent.environ
        admin = Address.parse(agent.environ["AGENT_ADMIN_ADDRESS"])
        await until((tmp_path / "run/credential.sealed").exists)
        await until(lambda: accepts(admin.port))
        envoy = envoy_of(agent.process)
        assert "envoy" in envoy.name()
        agent.process.kill()
        agent.process.wait()
        await until(lambda: not envoy.is_running())

        agent.start()
        await until(lambda: accepts(admin.port))
        status = agent.environ["AGENT_STATUS_ADDRESS"]

        def verdict() -> str:
            return httpx2.get(f"http://{status}/healthz/ready", trust_env=False).text

        # Envoy's admin port accepts a moment before it answers.
        await until(lambda: re.search(r"envoy failed: .*CDS", verdict()) is not None)
        assert "certificate" not in verdict(), "reused from the disk"


async def test_a_stopped_agent_ends_its_envoy_and_exits_0(tmp_path: Path) -> None:
    with joined_agent(tmp_path) as agent:
        assert agent.process
        assert agent.environ
        admin = Address.parse(agent.environ["AGENT_ADMIN_ADDRESS"])
        await until(lambda: accepts(admin.port))
        envoy = envoy_of(agent.process)
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(timeout=10) == 0, agent.log.read_text()
        assert not envoy.is_running()


def test_a_misspelt_setting_stops_the_start_with_one_clear_line() -> None:
    for module, name in (("citadel", "CITADEL_STATEDIR"), ("proxy", "AGENT_PILOT")):
        ended = subprocess.run(
            python(f"meltemi.{module}"),
            env={"PATH": os.defpath, name: "x"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 64
        assert "did you mean" in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
