from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.proxy.entry import entry_body, entry_path
from meltemi.runtime.workload_proof import sign_proof
from meltemi.testkit.agents import agent_settings
from meltemi.testkit.authority import NOON, RATINGS, REVIEWS, credential

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.kernel.identity import SpiffeId
    from meltemi.testkit.galleys import Api

NETWORKING = "/apis/networking.istio.io/v1/namespaces/default"
ENTRIES = f"{NETWORKING}/workloadentries"
RULE = f"{NETWORKING}/destinationrules/reviews"
YAML = {"Content-Type": "application/yaml"}
RULE_TEXT = """\
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


def proof(identity: SpiffeId = REVIEWS) -> dict[str, str]:
    shown = credential(identity)
    token = sign_proof(shown.key, shown.chain, audience="meltemi-galley", now=NOON)
    return YAML | {"Authorization": f"Bearer {token}"}


async def test_a_workload_registers_itself_with_its_certificate(api: Api) -> None:
    url = f"{ENTRIES}/reviews-v1"
    answer = await api.client.put(url, content=ENTRY, headers=proof())
    assert answer.status_code == 201
    manager = answer.json()["metadata"]["managedFields"][0]["manager"]
    assert manager == "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"

    thief = proof(RATINGS)
    taken = ENTRY.replace("bookinfo-reviews", "bookinfo-ratings")
    for attempt in (
        await api.client.put(url, content=taken, headers=thief),
        await api.client.put(url, content=ENTRY, headers=thief),
        await api.client.delete(url, headers=thief),
        await api.client.put(RULE, content=RULE_TEXT, headers=thief),
    ):
        assert attempt.status_code == 403
        assert attempt.json()["code"] == "caller.forbidden"
    removed = await api.client.delete(url, headers=proof())
    assert removed.status_code == 200


async def test_a_workload_that_says_it_is_here_again_writes_nothing(
    api: Api, tmp_path: Path
) -> None:
    settings = agent_settings(tmp_path, entry_ports={"http": 21100})
    said: list[tuple[str, str]] = []
    for _ in range(2):
        answer = await api.client.put(
            entry_path(settings), content=entry_body(settings), headers=proof()
        )
        version = answer.json()["metadata"]["resourceVersion"]
        said.append((answer.headers["meltemi-outcome"], version))
    (created, first), (unchanged, second) = said
    assert (created, unchanged) == ("created", "unchanged")
    listing = await api.ledger.list("/")
    assert first == second == str(listing.revision), "nobody has anything to hear"


async def test_what_a_workload_repeats_is_no_news_for_the_audit(api: Api) -> None:
    url = f"{ENTRIES}/reviews-v1"
    await api.client.put(url, content=ENTRY, headers=proof())
    for more in ({}, {"If-None-Match": "*"}, {}):
        await api.client.put(url, content=ENTRY, headers=proof() | more)
    await api.client.put(url, content=ENTRY, headers=proof(RATINGS))
    await api.client.put(url, content=ENTRY, headers=YAML)
    stale = {"If-Match": '"1"'}
    await api.client.put(url, content=ENTRY, headers=YAML | stale)
    await api.client.delete(url, headers=proof())
    found = (await api.client.get("/api/v1/audit")).json()["items"]
    assert [each["outcome"] for each in reversed(found)] == [
        "created",
        "caller.forbidden",
        "unchanged",
        "config.precondition-failed",
        "deleted",
    ], "a person's repetitions stay"
