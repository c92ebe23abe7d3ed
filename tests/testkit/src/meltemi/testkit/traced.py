"""Requests whose way is foretold, then seen."""

from __future__ import annotations

from dataclasses import dataclass

from meltemi.testkit.tokens import signed

EDGE = "edge.istio-system"
READER = signed({"iss": "tests", "sub": "alice", "group": "readers"})
STRANGER = signed({"iss": "tests", "sub": "bob", "group": "others"})
FOREIGN = signed({"iss": "others", "sub": "alice", "group": "readers"})
REVIEWS, RATINGS = "http://reviews:9080", "http://ratings:9080"


@dataclass(frozen=True)
class Request:
    """One request, as ``meltemi trace`` takes it; from ``EDGE`` comes from outside."""

    url: str
    caller: str = "sleep"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()


REQUESTS = [
    Request(f"{REVIEWS}/"),
    Request(f"{REVIEWS}/", headers=(("end-user", "jason"),)),
    Request(f"{REVIEWS}/", headers=(("end-user", "mary"),)),
    Request(f"{REVIEWS}/exact"),
    Request(f"{REVIEWS}/exact/no"),
    Request(f"{REVIEWS}/prefix/a/b"),
    Request(f"{REVIEWS}/regex/42"),
    Request(f"{REVIEWS}/regex/no"),
    Request(f"{REVIEWS}/any?user=jason"),
    Request(f"{REVIEWS}/any?user=mary"),
    Request(f"{REVIEWS}/any", method="POST"),
    Request(f"{REVIEWS}/weighted/1"),
    Request(f"{REVIEWS}/weighted/2"),
    Request(f"{REVIEWS}/weighted/3"),
    Request(f"{REVIEWS}/fault"),
    Request(f"{REVIEWS}/flaky/a"),
    Request(f"{REVIEWS}/old"),
    Request(f"{REVIEWS}/teapot"),
    Request(f"{REVIEWS}/rewritten"),
    Request(f"{REVIEWS}/nowhere"),
    Request(f"{REVIEWS}/elsewhere"),
    Request(f"{REVIEWS}/", caller="ratings-v1"),
    Request(f"{REVIEWS}/", caller="lonely"),
    Request(f"{RATINGS}/"),
    Request(f"{RATINGS}/public"),
    Request(f"{RATINGS}/public", method="POST"),
    Request(f"{RATINGS}/", headers=(("authorization", f"Bearer {READER}"),)),
    Request(f"{RATINGS}/", headers=(("authorization", f"Bearer {STRANGER}"),)),
    Request(f"{RATINGS}/public", headers=(("authorization", f"Bearer {FOREIGN}"),)),
    Request(
        f"{RATINGS}/",
        method="DELETE",
        headers=(("authorization", f"Bearer {READER}"),),
    ),
    Request("http://ratings:9081/public"),
    Request("http://ratings:9081/"),
    Request(f"{REVIEWS}/public", headers=(("host", "ratings:9080"),)),
    *(
        Request(
            f"{REVIEWS}/cors",
            method=method,
            headers=(("origin", origin), ("access-control-request-method", "GET")),
        )
        for method in ("OPTIONS", "GET")
        for origin in ("http://a.example.com", "http://b.example.com")
    ),
    Request(f"{REVIEWS}/scheme"),
    Request(f"{REVIEWS}/scheme", headers=(("x-forwarded-proto", "https"),)),
    Request(f"{REVIEWS}/scheme", headers=(("x-forwarded-proto", "HTTP"),)),
    Request(f"{RATINGS}/public/plain"),
    Request("tcp://10.88.0.3:27017"),
    Request("tcp://10.77.0.9:9501"),
    Request("tcp://10.77.0.9:9501", caller="lonely"),
    Request("tcp://10.77.0.6:27017"),
    Request("tcp://a.wild.example.com:9500"),
    Request("tcp://ledger:27017"),
    Request("tcp://ledger:27017", caller="reviews-v1"),
    Request("tcp://ledger:27018"),
    Request("tcp://ledger:27018", caller="reviews-v1"),
    Request("https://a.secure.example.com:9443/"),
    Request("https://b.secure.example.com:9443/"),
    Request("http://a.example.com:8080/v1", caller=EDGE),
    Request("http://a.example.com:8080/v3", caller=EDGE),
    Request("http://b.example.com:8080/", caller=EDGE),
    Request("http://a.example.com:8080/said", caller=EDGE),
    Request("https://a.example.com:8443/said", caller=EDGE),
    Request(
        "https://a.example.com:8443/said",
        caller=EDGE,
        headers=(("x-forwarded-proto", "http"),),
    ),
    Request("https://b.example.com:8443/public/plain", caller=EDGE),
    Request("https://a.example.com:8443/v2", caller=EDGE),
    Request("https://b.example.com:8443/public", caller=EDGE),
    Request("https://b.example.com:8443/", caller=EDGE),
    Request("https://c.example.com:8443/", caller=EDGE),
]
