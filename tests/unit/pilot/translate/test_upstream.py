from __future__ import annotations

import pytest

from meltemi.config.schema.extension_provider import Provider
from meltemi.pilot.translate.upstream import Upstream, only_host, upstream
from meltemi.testkit.mesh import sidecar_scope

SERVICE = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {{name: web}}
    spec:
      hosts: [web.example.com]
      resolution: {resolution}
      ports: [{{number: 80, name: http, protocol: HTTP}}]
    """
EXPLICIT = {"outbound": {"web.example.com:80": "127.0.0.1:21003"}}


def at(service: str, port: int, resolution: str = "DNS") -> Upstream | None:
    scope = sidecar_scope(SERVICE.format(resolution=resolution), explicit=EXPLICIT)
    return upstream(scope, Provider(service=service, port=port))


@pytest.mark.parametrize("name", ["web.example.com", "default/web.example.com"])
def test_a_provider_is_at_the_cluster_of_its_service(name: str) -> None:
    assert at(name, 80) == Upstream("outbound|80||web.example.com", "web.example.com")


@pytest.mark.parametrize(
    ("service", "port"),
    [("web.example.com", 81), ("gone.example.com", 80), ("prod/web.example.com", 80)],
    ids=["port", "host", "namespace"],
)
def test_what_the_proxy_has_no_cluster_for_is_nowhere(service: str, port: int) -> None:
    assert at(service, port) is None


def test_a_proxy_without_capture_has_no_cluster_for_any_address() -> None:
    assert at("web.example.com", 80, "NONE") is None


def test_a_host_in_two_namespaces_needs_the_namespace() -> None:
    known = [("a", "web"), ("b", "web"), ("a", "one")]
    assert only_host("web", known) is None
    assert only_host("b/web", known) == "web"
    assert only_host("one", known) == "one"
