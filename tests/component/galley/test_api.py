from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.testkit.galleys import Api

NETWORKING = "/apis/networking.istio.io/v1/namespaces/default"
RULES = f"{NETWORKING}/destinationrules"
YAML = {"Content-Type": "application/yaml", "X-Meltemi-File": "reviews.yaml"}
REVIEWS = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: reviews
  labels: {team: a}
spec:
  host: reviews
  subsets:
  - name: v1
    labels: {version: v1}
"""


async def put(api: Api, text: str = REVIEWS, **headers: str) -> Any:
    return await api.client.put(
        f"{RULES}/reviews", content=text, headers=YAML | headers
    )


async def test_an_object_is_created_replaced_read_and_deleted(api: Api) -> None:
    created = await api.client.post(RULES, content=REVIEWS, headers=YAML)
    assert created.status_code == 201
    first = created.json()["metadata"]
    assert (first["uid"], first["generation"]) == ("uid-1", 1)
    assert first["creationTimestamp"] == "2030-01-01T12:00:00.000000Z"
    assert created.headers["etag"] == f'"{first["resourceVersion"]}"'

    api.clock.advance(1.5)
    replaced = await put(api, REVIEWS.replace("host: reviews", "host: ratings"))
    assert replaced.status_code == 200
    second = replaced.json()["metadata"]
    assert int(second["resourceVersion"]) > int(first["resourceVersion"])
    assert (second["uid"], second["generation"]) == ("uid-1", 2)
    assert second["managedFields"] == [
        {
            "manager": "admin",
            "operation": "Update",
            "time": "2030-01-01T12:00:01.500000Z",
        }
    ]

    read = await api.client.get(f"{RULES}/reviews")
    assert read.status_code == 200
    assert read.json()["spec"]["host"] == "ratings"
    assert read.json()["metadata"] == second

    deleted = await api.client.delete(f"{RULES}/reviews")
    assert deleted.status_code == 200
    assert deleted.json()["metadata"]["resourceVersion"] == str(api.ledger.head)
    assert (await api.client.get(f"{RULES}/reviews")).status_code == 404
    assert (await api.client.delete(f"{RULES}/reviews")).status_code == 404


async def test_put_creates_what_is_not_there(api: Api) -> None:
    assert (await put(api)).status_code == 201


async def test_an_answer_is_in_the_version_it_was_asked_for(api: Api) -> None:
    await put(api)
    for version in ("v1", "v1beta1", "v1alpha3"):
        url = f"{RULES}/reviews".replace("/v1/", f"/{version}/")
        read = (await api.client.get(url)).json()
        assert read["apiVersion"] == f"networking.istio.io/{version}"


async def test_json_bodies_are_read_too(api: Api) -> None:
    body = {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "DestinationRule",
        "metadata": {"name": "reviews"},
        "spec": {"host": "reviews"},
    }
    answer = await api.client.put(f"{RULES}/reviews", json=body)
    assert answer.status_code == 201


async def test_repeating_a_write_returns_the_same_revision_and_writes_nothing(
    api: Api,
) -> None:
    first = (await put(api)).json()
    head = api.ledger.head
    again = await put(api, REVIEWS.replace("{team: a}", "\n    team: 'a'"))
    assert again.status_code == 200
    assert again.json()["metadata"] == first["metadata"]
    assert api.ledger.head == head


async def test_a_stale_resource_version_in_the_body_is_a_conflict(api: Api) -> None:
    await put(api)
    head = api.ledger.head
    stale = REVIEWS.replace("  labels", "  resourceVersion: '1'\n  labels", 1)
    answer = await put(api, stale)
    assert answer.status_code == 409
    assert answer.json()["code"] == "config.stale-write"
    assert f"is at resourceVersion {head}, not 1" in answer.json()["detail"]
    assert api.ledger.head == head


async def test_failed_precondition_headers_are_412(api: Api) -> None:
    await put(api)
    other = REVIEWS.replace("host: reviews", "host: ratings")
    for headers in ({"If-Match": '"1"'}, {"If-None-Match": "*"}):
        answer = await put(api, other, **headers)
        assert answer.status_code == 412
        assert answer.json()["code"] == "config.precondition-failed"
    answer = await api.client.delete(f"{RULES}/reviews", headers={"If-Match": '"1"'})
    assert answer.status_code == 412
    good = {"If-Match": f'"{api.ledger.head}"'}
    assert (await put(api, other, **good)).status_code == 200


async def test_creating_twice_is_a_conflict(api: Api) -> None:
    await put(api)
    answer = await api.client.post(RULES, content=REVIEWS, headers=YAML)
    assert answer.status_code == 409
    assert answer.json()["code"] == "config.already-exists"


async def test_a_dry_run_answers_as_a_write_would_and_writes_nothing(api: Api) -> None:
    head = api.ledger.head
    answer = await api.client.post(
        RULES, content=REVIEWS, headers=YAML, params={"dryRun": "All"}
    )
    assert answer.status_code == 201
    assert api.ledger.head == head
    odd = await api.client.post(RULES, content=REVIEWS, params={"dryRun": "yes"})
    assert odd.status_code == 400


async def test_lists_hold_a_revision_and_select_by_label(api: Api) -> None:
    await put(api)
    other = REVIEWS.replace("name: reviews", "name: ratings").replace("team: a", "x: b")
    await api.client.post(RULES, content=other, headers=YAML)
    elsewhere = RULES.replace("default", "prod")
    await api.client.post(elsewhere, content=REVIEWS, headers=YAML)

    here = (await api.client.get(RULES)).json()
    assert here["kind"] == "DestinationRuleList"
    assert here["metadata"] == {"resourceVersion": str(api.ledger.head)}
    assert [each["metadata"]["name"] for each in here["items"]] == [
        "ratings",
        "reviews",
    ]
    selected = await api.client.get(RULES, params={"labelSelector": "team=a"})
    assert len(selected.json()["items"]) == 1
    everywhere = "/apis/networking.istio.io/v1/destinationrules"
    assert len((await api.client.get(everywhere)).json()["items"]) == 3
    odd = await api.client.get(RULES, params={"labelSelector": "team of (a)"})
    assert odd.status_code == 400


async def test_every_problem_is_answered_with_its_place(api: Api) -> None:
    head = api.ledger.head
    text = REVIEWS.replace("host:", "hst:").replace("name: v1", "name: 1")
    answer = await put(api, text)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["title"] == "DestinationRule default/reviews is invalid"
    assert body["code"] == "config.invalid"
    assert body["detail"] == "3 problems"
    assert body["instance"] == f"{RULES}/reviews"
    assert body["errors"][0] == {
        "code": "UNKNOWN_FIELD",
        "severity": "error",
        "pointer": "/spec/hst",
        "path": "spec.hst",
        "source": {"file": "reviews.yaml", "document": 1, "line": 7, "column": 3},
        "detail": "unknown field 'hst'",
        "hint": "did you mean 'host'?",
    }
    assert api.ledger.head == head


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("a: [", 400),
        ("", 400),
        ("a: &x 1", 400),
        ("a: \x01", 400),
        (REVIEWS.replace("DestinationRule", "DestinatonRule"), 422),
        (REVIEWS + "---\n" + REVIEWS, 422),
        (REVIEWS.replace("name: reviews", "name: other"), 422),
        (REVIEWS.replace("  labels", "  namespace: prod\n  labels", 1), 422),
        (REVIEWS.replace("host: reviews", "host: [reviews]"), 422),
    ],
)
async def test_bad_bodies_are_refused_and_nothing_is_written(
    api: Api, text: str, status: int
) -> None:
    head = api.ledger.head
    answer = await put(api, text)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert api.ledger.head == head


@pytest.mark.parametrize(
    "path",
    [
        f"{NETWORKING}/pods",
        f"{NETWORKING}/pods/a",
        "/apis/networking.istio.io/v2/namespaces/default/gateways/a",
        "/apis/security.istio.io/v1/namespaces/default/gateways",
        f"{RULES}/nothing",
        f"{RULES}/nothing/distribution",
        "/nowhere",
    ],
)
async def test_what_is_not_there_is_404(api: Api, path: str) -> None:
    answer = await api.client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_five_mebibytes_are_refused_with_and_without_a_length(api: Api) -> None:
    text = b"#" * (5 * 1024 * 1024)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(text), 65_536):
            yield text[start : start + 65_536]

    for content in (text, chunks()):
        answer = await api.client.put(f"{RULES}/a", content=content, headers=YAML)
        assert answer.status_code == 413
        assert answer.json()["code"] == "request.too-large"


async def test_other_media_types_are_refused(api: Api) -> None:
    for headers in (
        {"Content-Type": "text/plain"},
        {},
        YAML | {"Content-Encoding": "gzip"},
    ):
        answer = await api.client.put(
            f"{RULES}/reviews", content=REVIEWS, headers=headers
        )
        assert answer.status_code == 415


async def test_every_write_needs_the_token_and_no_read_does(api: Api) -> None:
    await put(api)
    for shown in ("", "Bearer", "Bearer wrong", "Basic secret", "Bearer a.b.c"):
        headers = {"Authorization": shown}
        for answer in (
            await put(api, **headers),
            await api.client.post(RULES, content=REVIEWS, headers=YAML | headers),
            await api.client.delete(f"{RULES}/reviews", headers=headers),
        ):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        read = await api.client.get(f"{RULES}/reviews", headers=headers)
        assert read.status_code == (401 if shown else 200), "what is shown is judged"


async def test_a_ledger_that_is_away_is_said_so_clearly(api: Api) -> None:
    await put(api)
    api.ledger.available = False
    for answer in (await put(api), await api.client.get(f"{RULES}/reviews")):
        assert answer.status_code == 503
        assert answer.json()["code"] == "ledger.unavailable"


async def test_while_the_ledger_is_away_readers_get_what_was_last_seen(
    api: Api,
) -> None:
    await put(api)
    api.mirror.replace(await api.ledger.list("/mesh/v1/default/"))
    api.ledger.available = False
    one = await api.client.get(f"{RULES}/reviews")
    many = await api.client.get(RULES)
    assert (one.status_code, many.status_code) == (200, 200)
    assert one.json()["spec"]["host"] == "reviews"
    assert [each["metadata"]["name"] for each in many.json()["items"]] == ["reviews"]
    assert one.headers["warning"].startswith("110 "), "a stale answer says so"
    assert (await put(api)).status_code == 503, "a write is never answered from memory"
    api.ledger.recover()
    soon = await api.client.get(f"{RULES}/reviews")
    assert "warning" in soon.headers, "etcd is left alone for a moment"
    api.clock.advance(2)
    assert "warning" not in (await api.client.get(f"{RULES}/reviews")).headers


async def test_a_write_says_what_it_did(api: Api) -> None:
    created = await put(api)
    unchanged = await put(api)
    configured = await put(api, REVIEWS.replace("host: reviews", "host: ratings"))
    assert [
        each.headers["meltemi-outcome"] for each in (created, unchanged, configured)
    ] == ["created", "unchanged", "configured"]
