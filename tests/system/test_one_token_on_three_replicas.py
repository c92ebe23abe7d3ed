"""Case 18 and T8: three Citadels, one etcd, one token, a hundred callers."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import httpx2
import pytest

from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import CREATE_CERTIFICATE, CertificateRequest
from meltemi.testkit.agents import local
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.processes import Program, etcd_server, python, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

ADMIN = {"authorization": "Bearer open-sesame"}
WISH = {"namespace": "default", "service_account": "bookinfo-reviews"}


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


@contextlib.contextmanager
def replica(directory: Path, number: int, etcd: str) -> Iterator[dict[str, str]]:
    """Run a Citadel; yield its settings."""
    environ = {
        "PATH": os.defpath,
        "CITADEL_NAME": f"citadel-{number}",
        "CITADEL_HTTP_ADDRESS": str(local()),
        "CITADEL_BOOTSTRAP_ADDRESS": str(local()),
        "CITADEL_RENEWAL_ADDRESS": str(local()),
        "CITADEL_ETCD_ENDPOINTS": etcd,
        "CITADEL_STATE_DIR": str(directory / "citadel"),
        "CITADEL_ADMIN_TOKEN_FILE": str(directory / "admin"),
        "CITADEL_ADDRESS_RATE": "1000/s",
        "CITADEL_FAILURE_RATE": "1000/s",
        "CITADEL_IDENTITY_RATE": "1000/s",
    }
    ready = f"http://{environ['CITADEL_HTTP_ADDRESS']}/readyz"
    log = directory / f"citadel-{number}.log"
    program = Program(python("meltemi.citadel"), lambda: answers(ready), log, environ)
    with running(program):
        yield environ


async def attempt(address: str, roots: bytes, token: str) -> grpc.StatusCode:
    request = CertificateRequest(build_csr(new_key(), REVIEWS)).encode()
    credentials = grpc.ssl_channel_credentials(roots)
    async with grpc.aio.secure_channel(address, credentials) as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            CREATE_CERTIFICATE
        )
        try:
            bearer = (("authorization", f"Bearer {token}"),)
            await method(request, metadata=bearer, timeout=30)
        except grpc.aio.AioRpcError as error:
            return error.code()
    return grpc.StatusCode.OK


async def test_case_18_of_a_hundred_on_three_replicas_one_is_served(
    tmp_path: Path,
) -> None:
    (tmp_path / "admin").write_text("open-sesame")
    outcomes: Counter[grpc.StatusCode] = Counter()
    with contextlib.ExitStack() as stack:
        etcd = stack.enter_context(etcd_server()).address
        replicas = [
            stack.enter_context(replica(tmp_path, number, etcd)) for number in range(3)
        ]
        url = f"http://{replicas[0]['CITADEL_HTTP_ADDRESS']}/v1/ca/tokens"
        answer = httpx2.post(url, json=WISH, headers=ADMIN, trust_env=False)
        token = answer.json()["token"]
        bundle = tmp_path / "citadel" / "root-cert.pem"
        roots = await asyncio.to_thread(bundle.read_bytes)

        async def one(number: int) -> None:
            address = replicas[number % 3]["CITADEL_BOOTSTRAP_ADDRESS"]
            outcomes[await attempt(address, roots, token)] += 1

        async with asyncio.TaskGroup() as tasks:
            for number in range(100):
                tasks.create_task(one(number))
        listed = httpx2.get(url, headers=ADMIN, trust_env=False).json()["items"]
    assert outcomes == {
        grpc.StatusCode.OK: 1,
        grpc.StatusCode.UNAUTHENTICATED: 99,
    }
    assert [each["spent"] for each in listed] == ["used"]
    logs = [tmp_path / f"citadel-{number}.log" for number in range(3)]
    words = "".join(map(Path.read_text, logs))
    assert token not in words
    assert "PRIVATE" not in words
