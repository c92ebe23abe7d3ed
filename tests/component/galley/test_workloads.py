from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.runtime.workload_proof import sign_proof
from meltemi.testkit.fakes.clock import START

if TYPE_CHECKING:
    from meltemi.testkit.galleys import Api
    from meltemi.testkit.identities import Authority

NETWORKING = "/apis/networking.istio.io/v1/namespaces/default"
ENTRIES = f"{NETWORKING}/workloadentries"
RULE = f"{NETWORKING}/destinationrules/reviews"
YAML = {"Content-Type": "application/yaml"}
REVIEWS = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews}
"""
ENTRY = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-v1}
spec: {address: 127.0.0.1, ports: {http: 21100}, serviceAccount: bookinfo-reviews}
"""


def proof(authority: Authority, account: str = "bookinfo-reviews") -> dict[str, str]:
    identity = authority.identity(f"spiffe://cluster.local/ns/default/sa/{account}")
    token = sign_proof(
        identity.key, identity.chain, audience="meltemi-galley", now=START
    )
    return YAML | {"Authorization": f"Bearer {token}"}


async def test_a_workload_registers_itself_with_its_certificate(api: Api) -> None:
    url = f"{ENTRIES}/reviews-v1"
    answer = await api.client.put(url, content=ENTRY, headers=proof(api.authority))
    assert answer.status_code == 201
    manager = answer.json()["metadata"]["managedFields"][0]["manager"]
    assert manager == "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"

    thief = proof(api.authority, "bookinfo-ratings")
    taken = ENTRY.replace("bookinfo-reviews", "bookinfo-ratings")
    for attempt in (
        await api.client.put(url, content=taken, headers=thief),
        await api.client.put(url, content=ENTRY, headers=thief),
        await api.client.delete(url, headers=thief),
        await api.client.put(RULE, content=REVIEWS, headers=thief),
    ):
        assert attempt.status_code == 403
        assert attempt.json()["code"] == "caller.forbidden"
    removed = await api.client.delete(url, headers=proof(api.authority))
    assert removed.status_code == 200
