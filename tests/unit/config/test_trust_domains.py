from __future__ import annotations

from meltemi.config.trust_domains import MeshDomains, mesh_config_place
from meltemi.kernel.identity import TrustDomains
from meltemi.testkit.former_names import mesh_config_stored

SAID = mesh_config_stored("old.example", "older.example")


def test_what_else_the_mesh_is_called_follows_its_mesh_config() -> None:
    domains = MeshDomains("new.example")
    assert domains.now == TrustDomains("new.example")
    domains.replace({"": SAID})
    named = TrustDomains("new.example", ("old.example", "older.example"))
    assert domains.now == named
    domains.change("", b"no object")
    assert domains.now == named, "what cannot be read changes nothing"
    domains.change("-2", SAID.replace(b"old.example", b"evil.example"))
    assert domains.now == named, "of another object"
    domains.change("", None)
    assert domains.now == TrustDomains("new.example")


def test_the_object_is_the_one_that_galley_writes() -> None:
    place = mesh_config_place("default", "istio-system")
    assert place == ("/mesh/v1/default/meshconfigs.mesh.istio.io/istio-system/default")
