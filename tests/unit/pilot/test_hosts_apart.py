from __future__ import annotations

from dataclasses import replace

from meltemi.pilot.emit.virtual_host import bare_table, bare_version
from meltemi.pilot.hosts_apart import asks_apart, began_apart, in_class
from meltemi.pilot.model.index import Index, index
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.scope.proxy import Proxy, proxy
from meltemi.testkit.mesh import resources
from meltemi.testkit.small_mesh import the
from meltemi.testkit.translation import holding

NODE = "sidecar~10.1.0.1~a.default~default.svc.cluster.local"
SAID = "defaultConfig: {proxyMetadata: {ISTIO_META_MELTEMI_VHDS: 'true'}}"


def mesh(spec: str = "") -> Index:
    text = the("MeshConfig", "default", spec, "istio-system")
    return index(holding(resources(text)), MeshConfig())


def saying(word: str | None = None) -> Proxy:
    return proxy(NODE, {} if word is None else {"MELTEMI_VHDS": word})


def test_a_proxy_is_sent_tables_as_it_says_and_else_as_the_mesh_says() -> None:
    assert asks_apart(saying("true").group, mesh())
    assert not asks_apart(saying("false").group, mesh(SAID))
    assert asks_apart(saying().group, mesh(SAID))
    assert not asks_apart(saying().group, mesh())
    assert not asks_apart(saying().group, None)


def test_a_proxy_of_another_kind_is_of_another_class() -> None:
    one = saying()
    assert in_class(one, hosts_apart=False) is one
    moved = in_class(one, hosts_apart=True)
    assert moved.group != one.group
    assert moved.group == replace(one.group, hosts_apart=True)


def test_the_versions_it_holds_tell_how_a_proxy_began() -> None:
    bare = bare_version(bare_table("80"))
    assert began_apart([bare, "0011"]) is True, "one table may have no hosts at all"
    assert began_apart(["0011"]) is False
    assert began_apart([]) is None
