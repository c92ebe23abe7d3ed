"""Adversarial cases 55 to 57 and threats T1 and T4: what is sent to the API."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import pytest

from meltemi.testkit.galleys import listening
from meltemi.testkit.hostile import rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.testkit.galleys import Api

APIS = "/apis/networking.istio.io/v1"
RULES = f"{APIS}/namespaces/default/destinationrules"
YAML = {"Content-Type": "application/yaml"}
JSON = {"Content-Type": "application/json"}
GOOD = b'{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"a"},"spec":{"host":"a"}}'

TEXTS: dict[str, tuple[Callable[[], bytes], set[int]]] = {
    "alias bomb": (lambda: b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", {400}),
    "depth 10,000": (lambda: rule("  host: " + "[" * 10_000), {400, 422}),
    "a key twice": (lambda: rule("  host: a\n  host: b\n"), {422}),
    "a Python object": (
        lambda: rule("  host: !!python/object/apply:os.system ['true']\n"),
        {400},
    ),
    "50 MiB": (lambda: b"#" * (50 << 20), {413}),
    "UTF-16": (lambda: rule("  host: a\n").decode().encode("utf-16"), {400}),
    "NUL": (lambda: rule("  host: a\0\n"), {400}),
    "a number without end": (
        lambda: rule(
            "  trafficPolicy: {connectionPool: {tcp: {maxConnections: 1e400}}}"
        ),
        {422},
    ),
    "NO for a name": (lambda: rule("  host: NO\n"), {422}),
}


@pytest.mark.parametrize("what", TEXTS)
async def test_case_55_and_t4_such_a_text_is_refused_and_makes_nothing(
    api: Api, what: str
) -> None:
    made, statuses = TEXTS[what]
    head = api.ledger.head
    answer = await api.client.put(f"{RULES}/a", content=made(), headers=YAML)
    assert answer.status_code in statuses
    told = answer.json()
    assert told["detail"]
    if told["code"].startswith("config."):
        assert all("line" in each["source"] for each in told["errors"])
    assert api.ledger.head == head


async def test_case_55_a_byte_order_mark_is_no_part_of_the_text(api: Api) -> None:
    text = b"\xef\xbb\xbf" + rule("  host: a\n")
    answer = await api.client.put(f"{RULES}/a", content=text, headers=YAML)
    assert answer.status_code == 201
    assert answer.json()["kind"] == "DestinationRule"


async def raw(api: Api, *lines: str, body: bytes = b"") -> int:
    """Send a request as it stands; return the status."""
    async with listening(api.app) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        head = "\r\n".join((*lines, "Host: galley", "Authorization: Bearer secret"))
        writer.write(f"{head}\r\n\r\n".encode("latin-1") + body)
        await writer.drain()
        async with asyncio.timeout(10):
            first = await reader.readline()
        writer.close()
    return int(first.split()[1])


LENGTH = len(GOOD)
PUT = f"PUT {RULES}/a HTTP/1.1"
KIND = "Content-Type: application/json"
REQUESTS: dict[str, tuple[tuple[str, ...], bytes]] = {
    "a line break in a header": (
        (PUT, KIND, "X-A: b\rContent-Length: 1", f"Content-Length: {LENGTH}"),
        GOOD,
    ),
    "a path that climbs": (
        (f"PUT {RULES}/..%2f..%2fa HTTP/1.1", KIND, f"Content-Length: {LENGTH}"),
        GOOD,
    ),
    "two lengths": (
        (PUT, KIND, f"Content-Length: {LENGTH}", "Content-Length: 5"),
        GOOD,
    ),
    "a method by a header": (
        (
            f"POST {RULES}/a HTTP/1.1",
            "X-HTTP-Method-Override: DELETE",
            KIND,
            f"Content-Length: {LENGTH}",
        ),
        GOOD,
    ),
}


@pytest.mark.parametrize("what", REQUESTS)
async def test_case_56_such_a_request_is_refused_and_writes_nothing(
    api: Api, what: str
) -> None:
    await api.client.put(f"{RULES}/a", content=GOOD, headers=JSON)
    head = api.ledger.head
    lines, body = REQUESTS[what]
    status = await raw(api, *lines, body=body)
    assert 400 <= status < 500
    assert api.ledger.head == head


BODIES: dict[str, tuple[bytes, dict[str, str], int]] = {
    "a thousand fields": (
        GOOD[:-1]
        + b","
        + b",".join(b'"f%d":1' % number for number in range(1_000))
        + b"}",
        JSON,
        422,
    ),
    "NaN": (GOOD.replace(b'"a"}}', b"NaN}}"), JSON, 422),
    "Infinity": (GOOD.replace(b'"a"}}', b"-Infinity}}"), JSON, 422),
    "a gzip bomb": (
        gzip.compress(bytes(10 << 20)),
        JSON | {"Content-Encoding": "gzip"},
        415,
    ),
    "a stale resourceVersion": (
        GOOD.replace(b'"name":"a"', b'"name":"a","resourceVersion":"1"'),
        JSON,
        409,
    ),
}


@pytest.mark.parametrize("what", BODIES)
async def test_case_56_such_a_body_is_refused_and_writes_nothing(
    api: Api, what: str
) -> None:
    await api.client.put(
        f"{RULES}/other", content=GOOD.replace(b'"a"', b'"other"', 1), headers=JSON
    )
    await api.client.put(f"{RULES}/a", content=GOOD, headers=JSON)
    head = api.ledger.head
    body, headers, status = BODIES[what]
    answer = await api.client.put(f"{RULES}/a", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert api.ledger.head == head


def item(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "rule", "namespace": namespace},
        "spec": {"host": "a"},
    }


async def of_a(api: Api, **more: Any) -> dict[str, str]:
    scope = {"verbs": ["read", "write"], "kinds": ["*"], "namespaces": ["a"]}
    wish = {"name": "ci", "scopes": [scope], **more}
    answer = await api.client.post("/api/v1/tokens", json=wish)
    return {"Authorization": f"Bearer {answer.json()['token']}"}


@pytest.mark.parametrize(
    ("namespace", "status"),
    [("b", 403), ("a%2F..%2Fb", 404), ("a/../b", 403), ("*", 422), ("%2A", 422)],
)
async def test_case_57_and_t1_a_token_of_one_namespace_writes_no_other(
    api: Api, namespace: str, status: int
) -> None:
    headers = await of_a(api)
    head = api.ledger.head
    url = f"{APIS}/namespaces/{namespace}/destinationrules/rule"
    answer = await api.client.put(url, json=item("b"), headers=headers)
    assert answer.status_code == status
    assert api.ledger.head == head
    if status == 403:
        audit = (await api.client.get("/api/v1/audit?actor=ci")).json()["items"]
        assert [each["allowed"] for each in audit] == [False]


async def test_case_57_without_a_token_or_with_an_old_one_nothing_is_written(
    api: Api,
) -> None:
    old = await of_a(api, ttlSeconds=60)
    api.clock.advance(61)
    head = api.ledger.head
    for headers in (
        {"Authorization": ""},
        {"Authorization": "Bearer wrong"},
        old,
    ):
        url = f"{APIS}/namespaces/a/destinationrules/rule"
        answer = await api.client.put(url, json=item("a"), headers=headers)
        assert answer.status_code == 401, headers
    assert api.ledger.head == head


async def test_case_57_a_batch_with_one_forbidden_object_writes_none(api: Api) -> None:
    headers = await of_a(api)
    head = api.ledger.head
    batch = [item("a"), item("b")]
    answer = await api.client.post("/api/v1/batch", json=batch, headers=headers)
    assert answer.status_code == 403
    assert api.ledger.head == head
