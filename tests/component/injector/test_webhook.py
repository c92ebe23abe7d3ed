"""The webhook over TLS, as an API server meets it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.injector.adapters.webhook import BODY_LIMIT
from meltemi.injector.assembly import serve
from meltemi.injector.settings import InjectorSettings
from meltemi.kernel.clock import SystemClock
from meltemi.runtime.settings import SettingsError, read_settings
from meltemi.testkit.admission import SETTINGS
from meltemi.testkit.authority import REVIEWS, authority, credential, write_credential
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.identity.credential import Credential

NOW = SystemClock().now()
POD = {
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "web", "image": "nginx"}]},
}
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "u-1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "shop",
        "userInfo": {"username": "ann"},
        "dryRun": True,
        "object": POD,
    },
}


def fresh(trust_domain: str = "cluster.local") -> Credential:
    signer = authority(trust_domain, now=NOW)
    return credential(REVIEWS, now=NOW, signer=signer, local_server=True)


@contextlib.asynccontextmanager
async def injector(folder: Path, shown: Credential, **more: str) -> AsyncIterator[str]:
    """Yield the URL of an injector that shows ``shown``."""
    certificate, key = write_credential(folder, "server", shown)
    port = free_port()
    environ = {
        **SETTINGS,
        **more,
        "INJECTOR_HTTP_ADDRESS": f"127.0.0.1:{port}",
        "INJECTOR_TLS_CERT_FILE": str(certificate),
        "INJECTOR_TLS_KEY_FILE": str(key),
    }
    settings = read_settings(InjectorSettings, environ)
    stopping, started = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(settings, stopping, started))
        await started.wait()
        yield f"https://127.0.0.1:{port}"
        stopping.set()


def client(
    roots: str, certificate: tuple[Path, Path] | None = None
) -> httpx2.AsyncClient:
    context = ssl.create_default_context(cadata=roots)
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return httpx2.AsyncClient(verify=context, trust_env=False)


async def test_a_pod_is_patched_counted_and_recorded(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = fresh()
    async with injector(tmp_path, shown) as url, client(shown.roots_pem) as server:
        answer = await server.post(f"{url}/inject?timeout=10s", json=REVIEW)
        assert answer.status_code == 200
        assert answer.json()["response"]["uid"] == "u-1"
        assert answer.json()["response"]["patchType"] == "JSONPatch"
        metrics = (await server.get(f"{url}/metrics")).text
        assert 'injector_reviews_total{outcome="injected"} 1.0' in metrics
        for path in ("/healthz", "/livez", "/readyz", "/version"):
            assert (await server.get(f"{url}{path}")).status_code == 200
    told = capfd.readouterr()
    line = next(each for each in (told.out + told.err).splitlines() if "u-1" in each)
    for word in ("reviewed", "shop", "ann", "injected", "dry_run=True"):
        assert word in line


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    first, second = fresh(), fresh("other.example")
    async with injector(tmp_path, first) as url:
        async with client(first.roots_pem) as server:
            assert (await server.get(f"{url}/healthz")).status_code == 200
        write_credential(tmp_path, "server", second)
        async with client(second.roots_pem) as server:
            assert (await server.post(f"{url}/inject", json=REVIEW)).status_code == 200
        async with client(first.roots_pem) as server:
            with pytest.raises(httpx2.ConnectError):
                await server.get(f"{url}/healthz")


async def test_case_60_without_a_certificate_nothing_is_answered(
    tmp_path: Path,
) -> None:
    shown, other = fresh(), fresh("other.example")
    roots = tmp_path / "roots.pem"
    roots.write_text(shown.roots_pem)
    strangers = write_credential(tmp_path, "other", other)
    async with injector(tmp_path, shown, INJECTOR_CLIENT_CA_FILE=str(roots)) as url:
        async with client(shown.roots_pem) as server:
            answer = await server.post(f"{url}/inject", json=REVIEW)
            assert answer.status_code == 401
            assert answer.json()["code"] == "injector.stranger"
            assert (await server.get(f"{url}/healthz")).status_code == 200
        async with client(shown.roots_pem, strangers) as server:
            with pytest.raises(httpx2.TransportError):
                await server.post(f"{url}/inject", json=REVIEW)
        own = write_credential(tmp_path, "api-server", shown)
        async with client(shown.roots_pem, own) as server:
            assert (await server.post(f"{url}/inject", json=REVIEW)).status_code == 200


async def test_case_60_a_pod_of_10_mib_and_an_old_version_are_refused(
    tmp_path: Path,
) -> None:
    shown = fresh()
    large = json.dumps({**REVIEW, "more": "x" * (10 << 20)}).encode()
    assert len(large) > BODY_LIMIT
    async with injector(tmp_path, shown) as url, client(shown.roots_pem) as server:
        old = {**REVIEW, "apiVersion": "admission.k8s.io/v1beta1"}
        answer = await server.post(f"{url}/inject", json=old)
        assert answer.status_code == 400
        assert answer.json()["code"] == "injector.bad-review"

        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(large), 1 << 16):
                yield large[at : at + (1 << 16)]

        with contextlib.suppress(httpx2.WriteError, httpx2.ReadError):
            answer = await server.post(f"{url}/inject", content=pieces())
            assert answer.status_code == 413
        assert (await server.post(f"{url}/inject", json=REVIEW)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"INJECTOR_HTTP_ADDRESS": "0.0.0.0:15017"},
        {"INJECTOR_TLS_CERT_FILE": "cert.pem"},
        {"INJECTOR_CLIENT_CA_FILE": "ca.pem"},
        {"INJECTOR_NEVER_INJECT": '[{"matchLabel": {}}]'},
        {"INJECTOR_POLICY": "sometimes"},
        {"INJECTOR_NATIVE": "true"},
    ],
)
def test_settings_that_cannot_be_stop_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        read_settings(InjectorSettings, {**SETTINGS, **wrong})
