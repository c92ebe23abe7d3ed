from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meltemi.config.schema.extension_provider import ExtensionProvider
from meltemi.config.values import decode_value
from meltemi.pilot.ir import SECOND
from meltemi.pilot.ir.external_check import Body, ExternalCheck, HttpCheck
from meltemi.pilot.ir.rbac import Compare, Text
from meltemi.pilot.translate.authorization.provider import external_checks

HOST = "authz.shop.svc.cluster.local"
SERVICES = [("shop", HOST), ("a", "twice"), ("b", "twice")]


def provider(kind: str, name: str = "p", **settings: Any) -> ExtensionProvider:
    usual = {"service": f"shop/{HOST}", "port": 9000} | settings
    written = {"name": name, kind: usual}
    return msgspec.convert(written, ExtensionProvider, dec_hook=decode_value)


def checks(*given: ExtensionProvider) -> dict[str, ExternalCheck]:
    return external_checks(given, SERVICES)


def test_a_grpc_service_is_asked_at_its_cluster_and_by_its_name() -> None:
    assert checks(provider("envoyExtAuthzGrpc")) == {
        "p": ExternalCheck(f"outbound|9000||{HOST}", HOST, 600 * SECOND)
    }


def test_an_http_service_gets_and_gives_the_headers_that_are_named() -> None:
    found = checks(
        provider(
            "envoyExtAuthzHttp",
            timeout="2s",
            pathPrefix="/check",
            failOpen=True,
            statusOnError="503",
            clearRouteCache=True,
            includeRequestHeadersInCheck=["x-*"],
            includeHeadersInCheck=["old"],
            includeAdditionalHeadersInCheck={"b": "2", "a": "1"},
            headersToUpstreamOnAllow=["*-up"],
            headersToDownstreamOnDeny=["why"],
            headersToDownstreamOnAllow=["*"],
            includeRequestBodyInCheck={"maxRequestBytes": 9, "allowPartialMessage": True, "packAsBytes": True},
        )
    )  # fmt: skip
    assert found["p"] == ExternalCheck(
        cluster=f"outbound|9000||{HOST}",
        host=HOST,
        timeout=2 * SECOND,
        http=HttpCheck(
            path_prefix="/check",
            sent=(Text(Compare.PREFIX, "x-", ignore_case=True),),
            added=(("a", "1"), ("b", "2")),
            upstream=(Text(Compare.SUFFIX, "-up", ignore_case=True),),
            refused=(Text(Compare.EXACT, "why", ignore_case=True),),
            allowed=(Text(Compare.REGEX, ".*", ignore_case=True),),
        ),
        allow_on_error=True,
        status_on_error=503,
        body=Body(most_bytes=9, partial=True, as_bytes=True),
        clear_route_cache=True,
    )


def test_the_older_list_of_headers_counts_alone() -> None:
    found = checks(provider("envoyExtAuthzHttp", includeHeadersInCheck=["old"]))
    assert found["p"].http is not None
    assert [each.value for each in found["p"].http.sent] == ["old"]


@pytest.mark.parametrize(
    "given",
    [
        provider("envoyExtAuthzGrpc", service="shop/unknown"),
        provider("envoyExtAuthzGrpc", service=f"bank/{HOST}"),
        provider("envoyExtAuthzGrpc", service="twice"),
        provider("envoyExtAuthzGrpc", port=0),
        provider("envoyExtAuthzGrpc", port=65536),
        provider("envoyExtAuthzGrpc", statusOnError="no"),
        provider("envoyExtAuthzGrpc", statusOnError="418"),
        provider("envoyExtAuthzHttp", pathPrefix="check"),
        provider("envoyExtAuthzHttp", name=""),
        provider("zipkin"),
    ],
)
def test_a_provider_that_cannot_be_asked_is_left_out(given: ExtensionProvider) -> None:
    assert checks(given) == {}


@pytest.mark.parametrize("service", [HOST, "b/twice"])
def test_a_host_that_is_known_once_needs_no_namespace(service: str) -> None:
    assert checks(provider("envoyExtAuthzGrpc", service=service))


def test_a_name_that_stands_twice_is_nobodys() -> None:
    assert checks(*[provider("envoyExtAuthzGrpc")] * 2) == {}
