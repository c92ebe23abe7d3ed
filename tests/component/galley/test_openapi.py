"""The API is what its document says: requests made from it, over a socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from meltemi.config.kinds import KINDS
from meltemi.events.change import Change, Operation
from meltemi.events.codec import encode_change
from meltemi.galley.openapi import document
from meltemi.galley.presentation import as_json
from meltemi.kernel.names import Epoch, Revision
from meltemi.testkit.galleys import galley_served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.testkit.galleys import Api

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(json.loads(as_json(document("test"))))
OPERATIONS = 70
FEW, MANY = 200 // OPERATIONS + 1, 2000 // OPERATIONS + 1


def cases(number: int) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with galley_served(tmp_path_factory.mktemp("galley")) as served:
        yield served


def try_out(case: Any, url: str) -> None:
    if isinstance(case.query, dict):
        case.query.pop("watch", None)  # a stream has no end to wait for
    case.call_and_validate(
        base_url=url, headers={"Authorization": "Bearer secret"}, checks=CHECKS
    )


@SCHEMA.parametrize()
@cases(FEW)
def test_no_request_surprises(case: Any, url: str) -> None:
    try_out(case, url)


@pytest.mark.full
@pytest.mark.timeout(1800)
@SCHEMA.parametrize()
@cases(MANY)
def test_none_of_2000_requests_surprises(case: Any, url: str) -> None:
    try_out(case, url)


async def test_the_document_is_served_and_names_each_operation_once(api: Api) -> None:
    served = (await api.client.get("/openapi.json")).json()
    assert served["openapi"].startswith("3.1")
    ids = [
        operation["operationId"]
        for path in served["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(ids) == len(set(ids))
    assert {f"replace{kind.name}" for kind in KINDS} <= set(ids)
    rule = served["components"]["schemas"]["DestinationRule"]
    assert "trafficPolicy" in rule["properties"]


async def test_the_document_of_the_events_names_what_is_rung(api: Api) -> None:
    served = (await api.client.get("/asyncapi.json")).json()
    assert served["asyncapi"].startswith("3.")
    change = Change(
        epoch=Epoch("cafe"),
        previous=Revision(1),
        revision=Revision(2),
        operation=Operation.DELETED,
        ledger_key="/mesh/v1/default/gateways.networking.istio.io/default/edge",
        value=None,
    )
    rung = encode_change(change)
    channel = served["channels"]["changes"]
    headers = channel["messages"]["change"]["headers"]
    assert set(rung.headers) == set(headers["required"])
    parts = dict(
        zip(channel["address"].split("."), rung.subject.split("."), strict=True)
    )
    for name in ("plural", "operation"):
        assert parts[f"{{{name}}}"] in channel["parameters"][name]["enum"]
