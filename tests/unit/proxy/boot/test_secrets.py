from __future__ import annotations

import json

import pytest

from meltemi.config.schema.traffic_policy import ClientTLSMode, ClientTLSSettings
from meltemi.proxy.boot.secrets import upstream_socket


def names(tls: ClientTLSSettings) -> tuple[str, list[str]]:
    """Return the secrets of the roots and of the certificates."""
    made = json.loads(json.dumps(upstream_socket("x", tls, ("h2",))))
    context = made["typed_config"]["common_tls_context"]
    assert context["alpn_protocols"] == ["h2"]
    roots = context["combined_validation_context"]
    own = context.get("tls_certificate_sds_secret_configs", [])
    return (
        roots["validation_context_sds_secret_config"]["name"],
        [each["name"] for each in own],
    )


def test_the_agent_serves_what_each_mode_needs() -> None:
    files = ClientTLSSettings(
        mode=ClientTLSMode.MUTUAL,
        client_certificate="/c",
        private_key="/k",
        ca_certificates="/r",
    )
    assert names(files) == ("file-root:/r", ["file-cert:/c~/k"])
    simple = ClientTLSSettings(mode=ClientTLSMode.SIMPLE)
    assert names(simple) == ("file-root:system", [])
    own = ClientTLSSettings(mode=ClientTLSMode.ISTIO_MUTUAL)
    assert names(own) == ("ROOTCA", ["default"])


def test_no_tls_is_none() -> None:
    for mode in (None, ClientTLSMode.DISABLE):
        assert upstream_socket("x", ClientTLSSettings(mode=mode), ()) is None


def test_the_servers_names_are_checked_where_they_are_said() -> None:
    tls = ClientTLSSettings(
        mode=ClientTLSMode.SIMPLE, subject_alt_names=("a",), sni="b"
    )
    made = json.loads(json.dumps(upstream_socket("x", tls, ())))["typed_config"]
    context = made["common_tls_context"]["combined_validation_context"]
    checked = context["default_validation_context"]["match_typed_subject_alt_names"]
    assert {each["matcher"]["exact"] for each in checked} == {"a"}
    assert made["sni"] == "b"


def test_tls_that_verifies_nobody_is_refused() -> None:
    tls = ClientTLSSettings(mode=ClientTLSMode.SIMPLE, insecure_skip_verify=True)
    with pytest.raises(ValueError, match="insecureSkipVerify"):
        upstream_socket("zipkin", tls, ())
