"""What a proxy starts with is told to its agent, and to nobody it is not for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.config.starting import PATH, Words
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.runtime.workload_proof import sign_proof
from meltemi.testkit.authority import NOON, REVIEWS, credential

if TYPE_CHECKING:
    import httpx2

    from meltemi.testkit.galleys import Api

YAML = {"Content-Type": "application/yaml"}
PROXY = "networking.istio.io/v1beta1"
ELSEWHERE = SpiffeId("cluster.local", Namespace("elsewhere"), "somebody")


def proof(identity: SpiffeId = REVIEWS) -> dict[str, str]:
    shown = credential(identity)
    token = sign_proof(shown.key, shown.chain, audience="meltemi-galley", now=NOON)
    return {"Authorization": f"Bearer {token}"}


async def write(api: Api, namespace: str, name: str, spec: str) -> httpx2.Response:
    url = f"/apis/{PROXY}/namespaces/{namespace}/proxyconfigs/{name}"
    body = (
        f"apiVersion: {PROXY}\nkind: ProxyConfig\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )
    answer = await api.client.put(url, content=body, headers=YAML)
    assert answer.status_code == 201, answer.text
    return answer


async def default_config(api: Api, text: str) -> None:
    group = "mesh.istio.io/v1alpha1"
    url = f"/apis/{group}/namespaces/istio-system/meshconfigs/default"
    body = (
        f"apiVersion: {group}\nkind: MeshConfig\n"
        "metadata: {name: default, namespace: istio-system}\n"
        f"spec: {{defaultConfig: {text}}}\n"
    )
    answer = await api.client.put(url, content=body, headers=YAML)
    assert answer.status_code == 201, answer.text


async def test_an_agent_is_told_what_is_meant_for_its_workload(api: Api) -> None:
    await default_config(api, "{concurrency: 1, drainDuration: 7s}")
    await write(api, "istio-system", "mesh", "{concurrency: 2}")
    await write(api, "default", "all", "{environmentVariables: {ISTIO_META_A: b}}")
    mine = "{selector: {matchLabels: {app: reviews}}, concurrency: 3}"
    await write(api, "default", "mine", mine)
    await write(api, "elsewhere", "all", "{concurrency: 4}")
    url = f"{PATH}/default?labels=app=reviews,version=v1"
    answer = await api.client.get(url, headers=proof())
    found = Words.decode(answer.content)
    assert found.sources == (
        "MeshConfig/istio-system/default",
        "ProxyConfig/istio-system/mesh",
        "ProxyConfig/default/all",
        "ProxyConfig/default/mine",
    )
    assert (found.below.concurrency, found.above.concurrency) == (2, 3)
    assert found.below.proxy_metadata == {"ISTIO_META_A": "b"}
    assert found.below.drain_duration is not None
    other = await api.client.get(f"{PATH}/default?labels=app=x", headers=proof())
    assert Words.decode(other.content).above.concurrency is None


async def test_a_workload_is_not_told_what_is_for_another_namespace(api: Api) -> None:
    await write(api, "default", "all", "{concurrency: 4}")
    for headers, status in (
        (proof(ELSEWHERE), 403),
        (proof(), 200),
        ({"Authorization": "Bearer nonsense"}, 401),
        ({}, 200),
    ):
        answer = await api.client.get(f"{PATH}/default", headers=headers)
        assert answer.status_code == status, (headers, answer.text)


@pytest.mark.parametrize("labels", ["app", "=b", "a=b,c"])
async def test_labels_that_are_none_are_refused(api: Api, labels: str) -> None:
    answer = await api.client.get(f"{PATH}/default", params={"labels": labels})
    assert answer.status_code == 400
    assert "NAME=VALUE" in answer.json()["detail"]


async def test_a_write_warns_of_what_no_agent_takes_from_the_mesh(api: Api) -> None:
    heard = await write(api, "default", "heard", "{concurrency: 4}")
    assert "warning" not in heard.headers
    spec = "{image: {imageType: debug}, environmentVariables: {PATH: /tmp}}"
    told = (await write(api, "default", "unheard", spec)).headers["warning"]
    assert "spec.image" in told
    assert "spec.environmentVariables" in told
