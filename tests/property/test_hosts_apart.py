"""A table is the same whether its virtual hosts travel in it or by themselves."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from meltemi.testkit.mesh_grower import grow_mesh
from meltemi.testkit.translation import CLASSES, holding, translated
from meltemi.xds.types import TypeUrl
from meltemi.xds.virtual_host import resource_name, table_of

if TYPE_CHECKING:
    from meltemi.pilot.snapshot import Snapshot


def put_together(made: Snapshot) -> dict[str, RouteConfiguration]:
    """Return the tables as Envoy has them in the end."""
    tables = {
        name: RouteConfiguration.FromString(each.body)
        for name, each in made.resources[TypeUrl.ROUTE].items()
    }
    for name, each in made.resources[TypeUrl.VIRTUAL_HOST].items():
        host = VirtualHost.FromString(each.body)
        assert host.name == name, "what Envoy goes by when it leaves"
        tables[table_of(name)].virtual_hosts.append(host)
    return tables


def renamed(table: RouteConfiguration) -> RouteConfiguration:
    """Return a whole table; hosts are called as those that travel by themselves."""
    for host in table.virtual_hosts:
        host.name = resource_name(table.name, host.name)
    return table


@pytest.mark.parametrize("seed", range(6))
def test_hosts_that_travel_by_themselves_make_the_same_tables(seed: int) -> None:
    mesh = holding(grow_mesh(Random(seed), 14))  # noqa: S311 - the same each time
    for group in CLASSES.values():
        whole = translated(mesh, group)
        apart = translated(mesh, replace(group, hosts_apart=True))
        tables = put_together(apart)
        for name, body in whole.resources[TypeUrl.ROUTE].items():
            one, other = renamed(RouteConfiguration.FromString(body.body)), tables[name]
            assert other.HasField("vhds") == bool(one.virtual_hosts), "Envoy would wait"
            other.ClearField("vhds")
            assert one == other
        others = set(TypeUrl) - {TypeUrl.ROUTE, TypeUrl.VIRTUAL_HOST}
        for kind in others:
            assert whole.versions[kind] == apart.versions[kind]
