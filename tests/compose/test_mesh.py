"""docker-compose.yml as it is, in a Docker daemon: what it comes up to, and bears."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from meltemi.testkit.compose import ComposeMesh

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]

PROXIES = {
    "gateway.istio-system",
    *(f"{name}.default" for name in ("productpage-v1", "details-v1", "ratings-v1")),
    *(f"reviews-{version}.default" for version in ("v1", "v2", "v3")),
}


def test_it_ends_ready_with_every_proxy_at_the_newest_revision(
    mesh: ComposeMesh,
) -> None:
    def unready() -> list[str]:
        left = {e["proxy"] for e in mesh.json("ps") if not e["connected"]} - PROXIES
        parts = [e for e in mesh.json("status")["parts"] if e["name"] not in left]
        missing = PROXIES - {each["name"] for each in parts}
        return sorted(missing | {e["name"] for e in parts if not e["healthy"]})

    mesh.until(lambda: unready() == [])
    rows = [each for each in mesh.json("ps") if each["connected"]]
    assert {each["proxy"] for each in rows} == PROXIES
    assert {each["pilot"] for each in rows} <= {"pilot-0", "pilot-1"}


def test_the_product_page_is_served_through_the_gateway(mesh: ComposeMesh) -> None:
    mesh.until(lambda: mesh.get("/productpage")[0] == 200)
    seen = {mesh.get("/api/v1/products/0/reviews")[1] for _ in range(30)}
    for version in ("v1", "v2", "v3"):
        assert any(f'"version": "{version}"' in each for each in seen), version


@pytest.mark.parametrize("host", ["details", "reviews-v1", "productpage"])
def test_plain_text_from_outside_of_the_mesh_is_refused(
    mesh: ComposeMesh, host: str
) -> None:
    assert mesh.get("/productpage")[0] == 200
    assert mesh.outsider(f"http://{host}:9080/health").startswith("refused")


def test_the_rules_are_set_where_the_network_is_held_and_nobody_else_may(
    mesh: ComposeMesh,
) -> None:
    rules = mesh.inside("reviews-v1-pod", "iptables-save", "-t", "nat")
    assert "-A MELTEMI_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006" in rules
    assert "-A MELTEMI_REDIRECT -p tcp -j REDIRECT --to-ports 15001" in rules
    assert "DOCKER_OUTPUT" in rules, "Docker's own names still resolve"
    status = mesh.inside("reviews-v1-proxy", "cat", "/proc/1/status")
    assert "CapBnd:\t0000000000000000" in status


def test_an_application_restarts_without_losing_its_neighbours(
    mesh: ComposeMesh,
) -> None:
    mesh.until(lambda: mesh.get("/api/v1/products/0")[0] == 200)
    with mesh.load("/api/v1/products/0") as load:
        mesh.run("restart", "--timeout", "5", "reviews-v1")
    assert load.answered > 20
    assert load.failed == []
    mesh.until(
        lambda: '"version": "v1"' in mesh.get("/api/v1/products/0/reviews")[1],
    )


def test_traffic_goes_on_when_a_pilot_is_killed(mesh: ComposeMesh) -> None:
    mesh.until(lambda: mesh.get("/productpage")[0] == 200)
    with mesh.load("/productpage") as load:
        mesh.run("kill", "pilot-0")
        mesh.until(
            lambda: {each["pilot"] for each in mesh.json("ps")} == {"pilot-1"},
        )
        mesh.run("start", "pilot-0")
    assert load.failed == []
    assert load.answered > 20


def test_a_proxy_that_starts_anew_is_back_by_itself(mesh: ComposeMesh) -> None:
    mesh.run("restart", "--timeout", "10", "details-v1-proxy")
    mesh.until(lambda: mesh.get("/api/v1/products/0")[0] == 200)
