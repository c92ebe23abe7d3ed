from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from envoy.extensions.filters.http.cors.v3 import (
    cors_pb2,  # noqa: F401 - known by name
)

from meltemi.pilot.trace import Answer, Http, Stage, trace
from meltemi.testkit.held import CALL, TYPES, ends, table, to, web

CORS = f"{TYPES}.filters.http.cors.v3"
FILTER = {"name": "cors", "typed_config": {"@type": f"{CORS}.Cors"}}
SITE = "http://a.example.com"
ASKS = {"origin": SITE, "access-control-request-method": "GET"}


def asked(
    headers: dict[str, str],
    method: str = "OPTIONS",
    filters: tuple[dict[str, Any], ...] = (FILTER,),
    **settings: Any,
) -> Answer:
    policy = {
        "@type": f"{CORS}.CorsPolicy",
        "allow_origin_string_match": [{"exact": SITE}],
    }
    route = to("a") | {"typed_per_filter_config": {"cors": policy | settings}}
    request = Http("web", "/a", method, tuple(headers.items()))
    held = web(table(route), http_filters=list(filters))
    return trace(held, replace(CALL, http=request))


def test_a_preflight_of_a_site_that_may_ask_is_answered() -> None:
    answer = asked(ASKS)
    assert answer.problem is None
    assert not answer.targets
    last = answer.steps[-1]
    assert last.stage is Stage.CORS
    assert last.why.endswith("is allowed: answered with 200")


@pytest.mark.parametrize("missing", ["origin", "access-control-request-method"])
def test_what_is_no_preflight_goes_on(missing: str) -> None:
    assert ends(asked({key: ASKS[key] for key in ASKS if key != missing})) == ["a"]
    assert ends(asked(ASKS, "GET")) == ["a"]
    assert ends(asked(ASKS, filters=())) == ["a"]
    off = {"default_value": {"numerator": 0, "denominator": "HUNDRED"}}
    assert ends(asked(ASKS, filter_enabled=off)) == ["a"]


def test_a_preflight_of_another_site_goes_on_unless_it_is_kept() -> None:
    other = ASKS | {"origin": "http://b.example.com"}
    assert ends(asked(other)) == ["a"]
    kept = asked(other, forward_not_matching_preflights=False)
    assert kept.steps[-1].why.endswith("is not allowed: answered with 200")
