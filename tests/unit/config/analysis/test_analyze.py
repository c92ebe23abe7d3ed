"""Each remark appears where its cause is, and not where the cause is taken away."""

from __future__ import annotations

import pytest
import yaml

from meltemi.config.analysis.analyze import ANALYZERS, analyze
from meltemi.config.analysis.manifests import world
from meltemi.config.schema.extension_provider import ExtensionProvider
from meltemi.config.schema.mesh_config import MeshConfig


def an(kind: str, name: str, spec: str, *, group: str = "networking") -> str:
    namespace, _, own = name.rpartition("/")
    home = namespace or "default"
    return (
        f"apiVersion: {group}.istio.io/v1\nkind: {kind}\n"
        f"metadata: {{name: {own}, namespace: {home}}}\nspec: {spec}\n"
    )


def kube(kind: str, name: str, rest: str, *, version: str = "v1") -> str:
    namespace, _, own = name.rpartition("/")
    return (
        f"apiVersion: {version}\nkind: {kind}\n"
        f"metadata: {{name: {own}, namespace: {namespace or 'default'}}}\n{rest}\n"
    )


def said(*documents: str, mesh: MeshConfig | None = None) -> list[str]:
    parsed = [yaml.safe_load(each) for each in documents]
    return [
        f"{each.message.code} {each.subject}"
        for each in analyze(world(parsed, default_namespace="default", mesh=mesh))
    ]


ROUTE = "http: [{route: [{destination: {host: b}}]}]"
B = an("ServiceEntry", "b", "{hosts: [b.default.svc.cluster.local]}")
EDGE = an(
    "Gateway",
    "edge",
    "{selector: {a: b}, servers: [{hosts: [x.io],"
    " port: {number: 80, name: http, protocol: HTTP}}]}",
)


def test_two_virtual_services_for_a_host_of_the_mesh() -> None:
    one = an("VirtualService", "one", f"{{hosts: [b], {ROUTE}}}")
    two = an("VirtualService", "two", f"{{hosts: [b], {ROUTE}}}")
    wanted = [f"IST0109 VirtualService default/{name}" for name in ("one", "two")]
    assert said(B, one, two) == wanted
    at_edge = two.replace("{hosts", "{gateways: [edge], hosts").replace("[b]", "[x.io]")
    assert said(B, EDGE, one, at_edge) == []


def test_what_only_its_namespace_sees_does_not_conflict_with_others() -> None:
    spec = f"{{hosts: [b.io], exportTo: ['.'], {ROUTE}}}"
    b_everywhere = an("ServiceEntry", "b", "{hosts: [b, b.io]}")
    here = an("VirtualService", "here", spec)
    there = an("VirtualService", "away/there", spec)
    assert [each for each in said(b_everywhere, here, there) if "IST0109" in each] == []


@pytest.mark.parametrize("gateway", ["nowhere", "away/edge"])
def test_a_gateway_that_is_not_there(gateway: str) -> None:
    virtual = an("VirtualService", "v", f"{{hosts: [x.io], gateways: [{gateway}]}}")
    assert "IST0101 VirtualService default/v" in said(EDGE, virtual)


def test_a_host_the_gateway_does_not_serve() -> None:
    virtual = an("VirtualService", "v", "{hosts: [y.io], gateways: [edge]}")
    assert said(EDGE, virtual) == ["IST0132 VirtualService default/v"]
    assert said(EDGE, virtual.replace("y.io", "x.io")) == []


def test_a_subset_that_no_destination_rule_defines() -> None:
    spec = "{hosts: [b], http: [{route: [{destination: {host: b, subset: v1}}]}]}"
    virtual = an("VirtualService", "v", spec)
    rule = an("DestinationRule", "b", "{host: b, subsets: [{name: v1}]}")
    assert said(B, virtual) == ["IST0101 VirtualService default/v"]
    assert said(B, virtual, rule) == []


def test_a_port_must_be_named_where_a_service_has_several() -> None:
    virtual = an("VirtualService", "v", f"{{hosts: [b], {ROUTE}}}")
    ports = (
        "ports: [{number: 80, name: http, protocol: HTTP},"
        " {number: 81, name: http-b, protocol: HTTP}]}"
    )
    several = B.replace("cluster.local]}", f"cluster.local], {ports}")
    assert said(several, virtual) == ["IST0112 VirtualService default/v"]
    chosen = virtual.replace("host: b}", "host: b, port: {number: 80}}")
    assert said(several, chosen) == []


def test_two_gateways_for_the_same_port_and_host() -> None:
    other = EDGE.replace("name: edge", "name: rim")
    wanted = [f"IST0145 Gateway default/{name}" for name in ("edge", "rim")]
    assert said(EDGE, other) == wanted
    assert said(EDGE, other.replace("number: 80", "number: 81")) == []


def test_a_gateway_port_that_no_service_opens() -> None:
    pod = (
        "apiVersion: v1\nkind: Pod\n"
        "metadata: {name: p, namespace: default, labels: {a: b}}\n"
    )
    service = kube("Service", "s", "spec: {selector: {a: b}, ports: [{port: 81}]}")
    named = service.replace("port: 81", "port: 80, name: http")
    assert "IST0162 Gateway default/edge" in said(EDGE, pod, service)
    assert said(EDGE, pod, named) == []
    assert said(EDGE) == []


def test_tls_that_trusts_everybody() -> None:
    rule = an("DestinationRule", "b", "{host: b, trafficPolicy: {tls: {mode: SIMPLE}}}")
    assert "IST0128 DestinationRule default/b" in said(B, rule)
    verified = rule.replace("SIMPLE", "SIMPLE, caCertificates: /etc/ca.pem")
    assert "IST0128 DestinationRule default/b" not in said(B, verified)


def test_a_policy_that_selects_nobody() -> None:
    spec = "{selector: {matchLabels: {app: b}}}"
    policy = an("AuthorizationPolicy", "p", spec, group="security")
    entry = an("WorkloadEntry", "w", "{address: 10.0.0.1, labels: {app: b}}")
    assert said(policy) == ["IST0127 AuthorizationPolicy default/p"]
    assert said(policy, entry) == []


def test_an_opaque_port_needs_an_address() -> None:
    entry = an("ServiceEntry", "e", "{hosts: [e.io], ports: [{number: 5, name: t}]}")
    assert said(entry) == ["IST0134 ServiceEntry default/e"]
    assert said(entry.replace("[e.io]", "[e.io], addresses: [10.1.1.1]")) == []
    assert said(f"{entry}status: {{addresses: [{{value: 240.0.0.1}}]}}\n") == []


def test_entries_that_disagree_about_the_protocol_of_a_port() -> None:
    spec = "{hosts: [e.io], ports: [{number: 5, name: t, protocol: HTTP}]}"
    one = an("ServiceEntry", "one", spec)
    two = an("ServiceEntry", "two", spec.replace("HTTP", "GRPC"))
    wanted = [f"IST0177 ServiceEntry default/{name}" for name in ("one", "two")]
    assert said(one, two) == wanted
    assert said(one, two.replace("GRPC", "HTTP")) == []


def test_telemetry_without_anyone_to_send_it_to() -> None:
    spec = "{accessLogging: [{disabled: false}]}"
    telemetry = an("Telemetry", "t", spec, group="telemetry")
    mesh = MeshConfig(extension_providers=(ExtensionProvider(name="log"),))
    named = telemetry.replace("[{", "[{providers: [{name: log}], ")
    assert said(telemetry) == ["IST0157 Telemetry default/t"]
    assert said(named, mesh=mesh) == []


@pytest.mark.parametrize("part", ["tracing", "metrics", "accessLogging"])
def test_telemetry_for_a_provider_that_the_mesh_has_not(part: str) -> None:
    wanted = "UNKNOWN_PROVIDER Telemetry default/t"
    mesh = MeshConfig(extension_providers=(ExtensionProvider(name="tracer"),))

    def named(name: str) -> str:
        spec = f"{{{part}: [{{providers: [{{name: envoy}}, {{name: {name}}}]}}]}}"
        return an("Telemetry", "t", spec, group="telemetry")

    assert said(named("trace"), mesh=mesh) == [wanted]
    assert said(named("TRACER"), mesh=mesh) == [], "as Istio compares them"
    assert said(named("tracer")) == [wanted]
    assert said(named("prometheus")) == [], "every mesh has it"


def test_a_mesh_is_read_from_among_the_documents() -> None:
    spec = "{extensionProviders: [{name: tracer, zipkin: {service: a, port: 1}}]}"
    mesh = an("MeshConfig", "istio-system/default", spec, group="mesh")
    mesh = mesh.replace("io/v1", "io/v1alpha1")
    spec = "{tracing: [{providers: [{name: tracer}]}]}"
    assert said(mesh, an("Telemetry", "t", spec, group="telemetry")) == []
    spec = "{defaultProviders: {accessLogging: [envoy]}}"
    mesh = an("MeshConfig", "istio-system/default", spec, group="mesh")
    mesh = mesh.replace("io/v1", "io/v1alpha1")
    spec = "{accessLogging: [{disabled: false}]}"
    assert said(mesh, an("Telemetry", "t", spec, group="telemetry")) == []


def test_a_deployment_that_services_disagree_about() -> None:
    deployment = kube(
        "Deployment",
        "d",
        "spec: {template: {metadata: {labels: {a: b, sidecar.istio.io/inject: 'true'}}}}",
        version="apps/v1",
    )
    services = [
        kube("Service", name, f"spec: {{selector: {{a: b}}, ports: [{port}]}}")
        for name, port in (
            ("s", "{port: 80, name: tcp, protocol: TCP}"),
            ("t", "{port: 80, name: dns, protocol: UDP}"),
        )
    ]
    assert said(deployment, *services) == ["IST0116 Deployment default/d"]
    outside = deployment.replace("'true'", "'false'")
    assert said(outside, *services) == []


def test_a_port_name_that_says_no_protocol() -> None:
    service = kube("Service", "s", "spec: {ports: [{port: 80, name: web}]}")
    assert said(service) == ["IST0118 Service default/s"]
    assert said(service.replace("web", "http-web")) == []


def test_every_analyzer_is_named_as_istio_names_it() -> None:
    assert all(name.endswith("Analyzer") and "." in name for name in ANALYZERS)
