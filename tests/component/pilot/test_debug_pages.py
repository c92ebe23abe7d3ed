"""Istio's debug pages, of a proxy that is connected."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from meltemi.testkit.pilots import CLUSTER, REVIEWS, PilotAlone, connected, delta_ack
from meltemi.testkit.waiting import eventually
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.testkit.pilots import Stream

NAME = "reviews-v1.default"


@pytest.fixture
async def plane() -> AsyncIterator[PilotAlone]:
    plane = PilotAlone()
    await plane.write(REVIEWS)
    async with plane.running() as channel:
        stream: Stream = await connected(channel)
        await stream.call.write(delta_ack(await stream.read()))
        await stream.call.write(
            DeltaDiscoveryRequest(
                type_url=TypeUrl.ENDPOINT, resource_names_subscribe=[CLUSTER]
            )
        )
        await stream.call.write(delta_ack(await stream.read()))
        yield plane
        stream.call.cancel()


async def page(plane: PilotAlone, path: str, status: int = HTTPStatus.OK) -> Any:
    async with httpx2.AsyncClient(trust_env=False) as client:
        url = f"http://{plane.settings.http_address}/debug/{path}"
        answer = await client.get(url)
    assert answer.status_code == status
    return answer.json()


async def test_it_is_told_how_far_a_proxy_has_come(plane: PilotAlone) -> None:
    head = str(plane.ledger.head)

    async def arrived() -> bool:
        (row,) = await page(plane, "syncz")
        return bool(row["endpoint_acked"] == head)

    await eventually(arrived)
    (row,) = await page(plane, "syncz")
    assert (row["proxy"], row["proxy_type"]) == (NAME, "sidecar")
    assert row["cluster_sent"] == row["cluster_acked"] == head
    assert row["listener_sent"] == row["route_acked"] == "", "never asked for"


async def test_it_is_told_what_a_proxy_asks_for(plane: PilotAlone) -> None:
    async def asked() -> bool:
        told = await page(plane, "adsz")
        watches = told["clients"][0]["watches"]
        return bool(watches.get(TypeUrl.ENDPOINT) == [CLUSTER])

    await eventually(asked)
    assert (await page(plane, "adsz"))["totalClients"] == 1


async def test_objects_are_shown_as_they_are_stored(plane: PilotAlone) -> None:
    (shown,) = await page(plane, "configz")
    assert (shown["kind"], shown["metadata"]["name"]) == ("ServiceEntry", "reviews")


async def test_a_proxys_configuration_is_shown_as_envoy_shows_it(
    plane: PilotAlone,
) -> None:
    dump = await page(plane, f"config_dump?proxyID={NAME}")
    kinds = {each["@type"].rpartition(".")[2]: each for each in dump["configs"]}
    (one,) = kinds["ClustersConfigDump"]["dynamic_active_clusters"]
    assert one["cluster"]["name"] == CLUSTER
    assert one["version_info"]
    (listener,) = kinds["ListenersConfigDump"]["dynamic_listeners"]
    assert listener["active_state"]["listener"]["name"] == listener["name"]
    (table,) = kinds["RoutesConfigDump"]["dynamic_route_configs"]
    assert table["route_config"]["virtual_hosts"]
    (endpoints,) = await page(plane, f"endpointz?proxyID={NAME}")
    assert endpoints["cluster_name"] == CLUSTER
    assert endpoints["endpoints"]


async def test_a_proxy_that_is_not_here_is_said_to_be_so(plane: PilotAlone) -> None:
    told = await page(plane, "config_dump?proxyID=nobody.default", HTTPStatus.NOT_FOUND)
    assert "nobody.default" in told["detail"]


async def test_every_page_of_the_list_is_there(plane: PilotAlone) -> None:
    for path in await page(plane, "list"):
        await page(plane, f"{path.removeprefix('/debug/')}?proxyID={NAME}")
