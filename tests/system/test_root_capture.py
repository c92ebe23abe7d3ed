"""The demo in pods that root made, without a user namespace: ``--capture=root``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from meltemi.ctl.local.pods.trial import trouble
from meltemi.ctl.local.record import Mode
from meltemi.proxy.adapters.netfilter import Netfilter
from meltemi.testkit.pods import called, resolved
from meltemi.testkit.up import Up, answer, answers, demo

if TYPE_CHECKING:
    from collections.abc import Iterator

WHY = trouble(Mode.ROOT)
pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(WHY), reason=WHY),
]


@pytest.fixture(scope="module")
def mesh() -> Iterator[Up]:
    with demo("--capture=root") as up:
        yield up


def test_it_is_what_was_asked_for(mesh: Up) -> None:
    assert mesh.json("status")["capture"]["mode"] == "root"


def test_pods_are_networks_of_their_own_and_no_users_namespace(mesh: Up) -> None:
    envoys = [each for each in mesh.processes() if "envoy" in Path(each.exe()).name]
    assert len(envoys) == 7
    networks = {namespace(each, "net") for each in envoys}
    assert len(networks) == 7
    ours = psutil.Process()
    assert namespace(ours, "net") not in networks
    assert {namespace(each, "user") for each in envoys} == {namespace(ours, "user")}


def test_the_machine_itself_captures_nothing(mesh: Up) -> None:
    assert mesh.json("status")["capture"]["mode"] == "root"
    assert not Netfilter().holds_ours()


def namespace(process: psutil.Process, kind: str) -> str:
    return str(Path(f"/proc/{process.pid}/ns/{kind}").readlink())


def test_the_product_page_shows_reviews_of_all_three_versions(mesh: Up) -> None:
    url = mesh.url("app").replace("/productpage", "/api/v1/products/0/reviews")
    found = answers(url, 60)
    assert {each.status_code for each in found} == {200}
    assert {each.json()["version"] for each in found} == {"v1", "v2", "v3"}


def test_an_application_calls_a_plain_name_and_mutual_tls_carries_it(mesh: Up) -> None:
    assert resolved(mesh, "productpage-v1", "reviews").startswith("240.240.")
    seen = called(mesh, "productpage-v1", "http://reviews:9080/headers")
    headers = {name.lower(): value for name, value in seen.get("headers", seen).items()}
    identity = "URI=spiffe://cluster.local/ns/default/sa/bookinfo-productpage"
    assert identity in headers["x-forwarded-client-cert"]


def test_plain_text_from_beside_the_mesh_is_refused(mesh: Up) -> None:
    address = mesh.json("get", "workloadentry", "details-v1")["spec"]["address"]
    found = called(mesh, "gateway", f"http://{address}:9080/details/0")
    assert "reset" in found["error"] or "closed" in found["error"]
    assert answer(mesh.url("app")).status_code == 200
