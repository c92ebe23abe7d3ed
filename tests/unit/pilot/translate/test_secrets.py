from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.identity.tls_secret import TlsSecret
from meltemi.kernel.names import Revision
from meltemi.pilot import ir
from meltemi.pilot.model.index import index
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.model.secret_store import SecretStore
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.snapshot import snapshot
from meltemi.pilot.translate.resources import resources
from meltemi.testkit.mesh import mesh
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = proxy(
    "router~10.0.0.1~gw.istio-system~istio-system.svc.cluster.local",
    {"LABELS": {"istio": "ingressgateway"}, "NAMESPACE": "istio-system"},
).group
WEB = TlsSecret("CHAIN", "KEY", "ROOTS")
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: web, namespace: {home}}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 443, name: https, protocol: HTTPS}}
    hosts: [a.example]
    tls: {{mode: {mode}, credentialName: {name}}}
"""


def held(
    kept: Mapping[tuple[str, str], TlsSecret],
    *,
    mode: str = "SIMPLE",
    name: str = "web",
    role: str = "router",
    home: str = "istio-system",
) -> dict[str, ir.ServedSecret]:
    given = mesh(GATEWAY.format(home=home, mode=mode, name=name))
    given = replace(given, secrets=SecretStore(Revision(1), kept))
    group = proxy(
        f"{role}~10.0.0.1~gw.istio-system~istio-system.svc.cluster.local",
        {"LABELS": {"istio": "ingressgateway"}, "NAMESPACE": "istio-system"},
    ).group
    made = resources(scope(index(given, MeshConfig()), group))
    return {each.name: each for each in made.secrets}


def test_a_gateway_holds_the_secrets_it_refers_to_and_no_others() -> None:
    kept = {("istio-system", "web"): WEB, ("istio-system", "other"): WEB}
    found = held(kept)
    assert found.keys() == {"kubernetes://web"}
    assert (found["kubernetes://web"].chain, found["kubernetes://web"].key) == (
        "CHAIN",
        "KEY",
    )


def test_case_44_the_cacert_of_a_secret_is_public_only() -> None:
    found = held({("istio-system", "web"): WEB}, mode="MUTUAL")
    roots = found["kubernetes://web-cacert"]
    assert (roots.chain, roots.key, roots.roots) == ("", "", "ROOTS")
    bare = held({("istio-system", "web"): TlsSecret("CHAIN", "KEY")}, mode="MUTUAL")
    assert bare.keys() == {"kubernetes://web"}
    straight = held({("istio-system", "web-cacert"): WEB}, name="web-cacert")
    assert straight["kubernetes://web-cacert"].key == "KEY", "it has that name itself"


def test_case_44_a_secret_of_another_namespace_needs_its_own_word() -> None:
    elsewhere = {("shop", "web"): WEB}
    assert held(elsewhere) == {}
    assert held(elsewhere, name="kubernetes://shop/web") == {}
    allowed = {("shop", "web"): replace(WEB, allowed=("istio-system",))}
    assert held(allowed, name="kubernetes://shop/web").keys() == {
        "kubernetes://shop/web"
    }
    assert held(allowed) == {}, "the name alone means the gateway's own namespace"


def test_case_44_a_deleted_secret_is_withdrawn_from_what_serves_it() -> None:
    given = mesh(GATEWAY.format(home="istio-system", mode="MUTUAL", name="web"))
    gone = frozenset({("istio-system", "web")})
    given = replace(given, secrets=SecretStore(Revision(1), gone=gone))
    made = resources(scope(index(given, MeshConfig()), GROUP))
    (chain,) = made.listeners[0].chains
    assert isinstance(chain.tls, ir.TerminateServer)
    names = {each.name for each in (*chain.tls.certificates, chain.tls.root) if each}
    assert names == {"invalid://web", "invalid://web-cacert"}
    assert made.secrets == ()


def test_t10_a_sidecar_with_the_gateway_s_labels_holds_none() -> None:
    assert held({("istio-system", "web"): WEB}, role="sidecar") == {}


def test_t10_what_nobody_selected_refers_to_is_not_held() -> None:
    given = mesh(GATEWAY.format(home="a", mode="SIMPLE", name="web"))
    given = replace(given, secrets=SecretStore(Revision(1), {("b", "web"): WEB}))
    group = proxy("router~10.0.0.1~gw.b~b.svc.cluster.local", {"LABELS": {"x": "y"}})
    assert resources(scope(index(given, MeshConfig()), group.group)).secrets == ()


def test_envoy_gets_the_certificate_inline_and_nothing_prints_the_key() -> None:
    found = held({("istio-system", "web"): WEB})
    made = ir.Resources(secrets=tuple(found.values()))
    stored = snapshot(made, revision=Revision(1)).resources[TypeUrl.SECRET]
    assert b"KEY" in stored["kubernetes://web"].body
    assert "KEY" not in repr(found)
