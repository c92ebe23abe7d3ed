"""Certificates of a gateway's hosts, through Galley and Pilot to a real Envoy."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from typing import TYPE_CHECKING

import grpc
import httpx2
import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from meltemi.credentials.mutual import secure_channel
from meltemi.pilot.adapters.ads import SERVICE
from meltemi.proxy.settings import Explicit, ProxyType
from meltemi.testkit.agents import local, member_settings, running_agent
from meltemi.testkit.plane import plane
from meltemi.testkit.waiting import POLL_SECONDS, eventually, until
from meltemi.testkit.web_certificates import web_certificate, web_root
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.proxy.settings import AgentSettings
    from meltemi.runtime.settings import Address
    from meltemi.testkit.plane import Plane
    from meltemi.testkit.web_certificates import Shown

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web}
spec:
  hosts: [web.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: a, protocol: HTTPS}
    hosts: [a.example]
    tls: {mode: SIMPLE, credentialName: a}
  - port: {number: 443, name: b, protocol: HTTPS}
    hosts: [b.example]
    tls: {mode: SIMPLE, credentialName: b}
"""


async def shown(address: Address, host: str) -> str:
    """Return the fingerprint of what is served for ``host``; empty: no handshake."""
    context = ssl.create_default_context(cadata=web_root().pem)
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(
                address.host, address.port, ssl=context, server_hostname=host
            )
    except (OSError, TimeoutError):
        return ""
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return hashlib.sha256(der).hexdigest()


async def becomes(address: Address, host: str, wanted: Shown | None) -> None:
    """Wait until ``host`` is served with that certificate, or with none."""
    expected = ""
    if wanted is not None:
        der = ssl.PEM_cert_to_DER_cert(wanted.pem)
        expected = hashlib.sha256(der).hexdigest()
    async with asyncio.timeout(30):
        while await shown(address, host) != expected:  # noqa: ASYNC110 - no event
            await asyncio.sleep(POLL_SECONDS)


async def put(mesh: Plane, name: str, certificate: Shown) -> None:
    answer = await mesh.galley.put(
        f"/api/v1/secrets/default/{name}",
        json={"certificate": certificate.pem, "key": certificate.key_pem},
    )
    assert answer.is_success, answer.text
    assert "PRIVATE" not in answer.text


async def gateway(mesh: Plane, folder: Path, address: Address) -> AgentSettings:
    return await member_settings(
        mesh,
        folder,
        labels={"istio": "ingressgateway"},
        proxy_type=ProxyType.ROUTER,
        explicit=Explicit(gateway={"443": address}),
    )


def sealed_with(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    key = str(folder / "secrets.key")
    return {"GALLEY_SECRETS_KEY_FILE": key}, {"PILOT_SECRETS_KEY_FILE": key}


async def test_cases_44_and_45_two_hosts_a_new_certificate_and_none(
    tmp_path: Path,
) -> None:
    first, second, newer = (
        web_certificate(f"{each}.example") for each in ("a", "b", "a")
    )
    address = local()
    async with plane(tmp_path, *sealed_with(tmp_path)) as mesh:
        await mesh.apply(GATEWAY)
        await put(mesh, "a", first)
        settings = await gateway(mesh, tmp_path, address)
        async with running_agent(settings) as agent:
            await until(lambda: agent.envoy.trouble() is None)
            await becomes(address, "a.example", first)
            assert await shown(address, "b.example") == "", "its secret is not there"
            told = (await mesh.status("Gateway", "web"))["ResolvedSecrets"]
            assert "there is no secret b" in told["message"]
            started = agent.envoy._process

            await put(mesh, "b", second)
            await becomes(address, "b.example", second)
            await put(mesh, "a", newer)
            await becomes(address, "a.example", newer)
            told = (await mesh.status("Gateway", "web"))["ResolvedSecrets"]
            assert told["status"] == "True"

            gone = await mesh.galley.delete("/api/v1/secrets/default/a")
            assert gone.is_success
            await becomes(address, "a.example", None)
            await becomes(address, "b.example", second)
            assert agent.envoy._process is started, "nothing was restarted"
            await until((settings.run_dir / "xds.checkpoint").exists)
        nothing_leaks(tmp_path, [first, second, newer])


def nothing_leaks(folder: Path, shown: list[Shown]) -> None:
    """T13, T24: no file that anybody wrote holds a key."""
    lines = {each.key_pem.splitlines()[1] for each in shown}
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert any(each.name == "xds.checkpoint" for each in files)
    for file in files:
        text = file.read_bytes().decode("latin-1")
        assert not any(line in text for line in lines), file


async def asked(dialled: grpc.aio.Channel) -> set[str]:
    """Return the secrets that a stream of the gateway's node is given."""
    request = DeltaDiscoveryRequest(
        type_url=TypeUrl.SECRET, resource_names_subscribe=["kubernetes://a"]
    )
    request.node.id = "router~127.0.0.1~gw.default~default.svc.cluster.local"
    request.node.metadata.update(
        {
            "LABELS": {"istio": "ingressgateway"},
            "NAMESPACE": "default",
            "SERVICE_ACCOUNT": "bookinfo-reviews",
        }
    )
    async with dialled as channel:
        method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = (
            channel.stream_stream(f"/{SERVICE}/DeltaAggregatedResources")
        )
        call = method()
        await call.write(request.SerializeToString())
        async with asyncio.timeout(10):
            raw = await call.read()
        call.cancel()
    assert isinstance(raw, bytes)
    answer = DeltaDiscoveryResponse.FromString(raw)
    assert answer.type_url == TypeUrl.SECRET
    return {each.name for each in answer.resources}


async def known(mesh: Plane) -> bool:
    """Tell whether Pilot has the Gateway that was applied last."""
    path = "/apis/networking.istio.io/v1/namespaces/default/gateways/web"
    written = (await mesh.galley.get(path)).json()
    async with httpx2.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://{mesh.pilot_http}/metrics")).text
    (line,) = re.findall(r"^meltemi_pilot_revision (\S+)", text, re.MULTILINE)
    return float(line) >= float(written["metadata"]["resourceVersion"])


async def test_t9_and_t10_only_who_proves_to_be_the_gateway_is_given_its_secrets(
    tmp_path: Path,
) -> None:
    async with plane(tmp_path, *sealed_with(tmp_path)) as mesh:
        await mesh.apply(GATEWAY)
        await put(mesh, "a", web_certificate("a.example"))
        held, other = await mesh.office.join(), await mesh.office.join("ratings")
        target = str(mesh.pilot)
        mine = secure_channel(target, held, "pilot")
        await eventually(lambda: known(mesh))
        assert await asked(mine) == {"kubernetes://a"}
        plain = grpc.aio.insecure_channel(str(mesh.pilot_plain))
        assert await asked(plain) == set(), "nobody proved anything"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await asked(secure_channel(target, other, "pilot"))
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        async with httpx2.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"http://{mesh.pilot_http}/metrics")).text
        assert "meltemi_pilot_secrets_withheld_total 1.0" in text
        assert "PRIVATE" not in text
