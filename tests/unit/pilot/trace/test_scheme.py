from __future__ import annotations

from dataclasses import replace

import pytest
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from meltemi.pilot.trace.call import Http, Tls
from meltemi.pilot.trace.scheme import FORWARDED_SCHEME, with_scheme
from meltemi.testkit.held import CALL

SIDECAR = hcm.HttpConnectionManager()
EDGE = hcm.HttpConnectionManager(use_remote_address={"value": True})
BEHIND = hcm.HttpConnectionManager(
    use_remote_address={"value": True}, xff_num_trusted_hops=1
)
SECURE = replace(CALL, tls=Tls())


def test_without_a_word_the_connection_says_the_scheme() -> None:
    for manager in (SIDECAR, EDGE, BEHIND):
        for call, scheme in ((CALL, "http"), (SECURE, "https")):
            found = with_scheme(Http(), manager, call)
            assert found.values(":scheme") == (scheme,)
            assert found.values(FORWARDED_SCHEME) == (scheme,)


@pytest.mark.parametrize(
    ("manager", "believed"), [(SIDECAR, True), (EDGE, False), (BEHIND, True)]
)
def test_a_client_is_believed_where_it_is_a_proxy_that_is_trusted(
    manager: hcm.HttpConnectionManager, *, believed: bool
) -> None:
    said = Http(headers=(("X-Forwarded-Proto", "https"),))
    found = with_scheme(said, manager, CALL)
    assert found.values(FORWARDED_SCHEME) == ("https" if believed else "http",)
    assert found.scheme == ("https" if believed else "http")


def test_what_is_no_scheme_stays_a_header_and_changes_none() -> None:
    found = with_scheme(Http(headers=((FORWARDED_SCHEME, "gopher"),)), SIDECAR, SECURE)
    assert found.values(FORWARDED_SCHEME) == ("gopher",)
    assert found.scheme == "https"


def test_only_http_2_carries_its_scheme() -> None:
    for version, scheme in ((1, "http"), (2, "https")):
        sent = Http(version=version, scheme="https")
        assert with_scheme(sent, SIDECAR, CALL).scheme == scheme
