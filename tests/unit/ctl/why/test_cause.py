from __future__ import annotations

import pytest

from meltemi.ctl.why.asking import Asking
from meltemi.ctl.why.cause import causes
from meltemi.ctl.why.flags import DOCS, FLAGS
from meltemi.ctl.why.hop import Hop
from meltemi.ctl.why.refusal import Refusal


def said(**given: object) -> str:
    hop = Hop(**{"response_code": 503, **given})  # type: ignore[arg-type]
    return "; ".join(each.what for each in causes(hop))


@pytest.mark.parametrize(
    ("details", "flags", "told"),
    [
        ("route_not_found", "NR", "no route fits the request"),
        ("no_healthy_upstream", "UH", "no endpoint of the service may be called"),
        ("cluster_not_found", "NC", "cluster that is not there"),
        ("response_timeout", "UT", "did not answer in time"),
        ("upstream_reset_before_response_started{overflow}", "UO", "a limit on what"),
        ("fault_filter_abort", "FI", "a fault was put in on purpose"),
        (
            "upstream_reset_before_response_started{connection_termination}",
            "UC",
            "the other side closed the connection",
        ),
        ("ext_authz_denied", "UAEX", "an external authorization service"),
        ("something_new", "-", "Envoy says something_new"),
    ],
)
def test_a_flag_is_told_in_plain_words(details: str, flags: str, told: str) -> None:
    assert told in said(response_code_details=details, response_flags=flags)


def test_a_policy_that_denies_is_named_with_its_rule() -> None:
    matched = "rbac_access_denied_matched_policy[{}]"
    details = matched.format("ns[shop]-policy[nobody]-rule[2]")
    assert said(response_code=403, response_code_details=details) == (
        "AuthorizationPolicy/shop/nobody spec.rules[2] denies it"
    )
    none = matched.format("none")
    assert said(response_code=403, response_code_details=none) == (
        "no rule of an AuthorizationPolicy allows it"
    )


def test_who_comes_without_the_token_that_a_policy_asks_for_is_told_so() -> None:
    denied = "rbac_access_denied_matched_policy[ns[shop]-policy[users]-rule[0]]"
    asked = Asking(frozenset({("shop", "users", 0)}), allows=False)

    def told(issuer: str | None, known: Asking = asked) -> str:
        hop = Hop(response_code=403, response_code_details=denied, token_issuer=issuer)
        return causes(hop, known)[0].what

    assert told(None).endswith(
        "denies it: it asks for a token, and the request had none"
    )
    for words in (told("somebody"), told("?"), told(None, Asking())):
        assert words.endswith("denies it")


@pytest.mark.parametrize("why", ["Jwt_is_missing", "Jwt_is_expired"])
def test_a_token_that_was_not_accepted_says_why(why: str) -> None:
    details = f"jwt_authn_access_denied{{{why}}}"
    told = said(response_code=401, response_code_details=details)
    assert told == f"the token was not accepted: {why.replace('_', ' ')}"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            (
                "TLS_error:|268435581:SSL routines:OPENSSL_internal:"
                "CERTIFICATE_VERIFY_FAILED:verify SAN list:TLS_error_end"
            ),
            "is for another identity",
        ),
        (
            (
                "TLS_error:|268435703:SSL routines:OPENSSL_internal:"
                "WRONG_VERSION_NUMBER:TLS_error_end"
            ),
            "speaks plain text",
        ),
        ("TLS_error:|TLSV1_ALERT_UNKNOWN_CA", "does not believe this proxy"),
        ("TLS_error:|CERTIFICATE_VERIFY_FAILED:expired", "its roots or its time"),
        ("delayed connect error: 111", "the connection failed: delayed"),
    ],
)
def test_a_handshake_that_failed_says_whose_fault_it_is(reason: str, told: str) -> None:
    found = said(
        response_code_details="upstream_reset_before_response_started{}",
        response_flags="UF",
        upstream_transport_failure_reason=reason,
    )
    assert told in found
    assert "no connection to the other side came about" in found


def test_who_passed_on_a_failure_is_not_its_cause() -> None:
    assert said(response_code_details="via_upstream", response_flags="-") == ""
    served = said(
        response_code_details="via_upstream", upstream_cluster="inbound|9080||;"
    )
    assert served == "the application itself answered so"
    assert said(response_code=200, response_code_details="x") == ""


def test_every_flag_says_what_it_means_where_to_look_and_on_which_page() -> None:
    for flag in FLAGS:
        (cause,) = causes(Hop(response_code=503, response_flags=flag))
        assert cause.what
        assert cause.look
        assert cause.page.startswith(f"{DOCS}/")


@pytest.mark.parametrize("flag", ["UC", "UR", "UF"])
def test_behind_a_servers_proxy_is_the_application(flag: str) -> None:
    told = said(response_flags=flag, upstream_cluster="inbound|9080||;")
    assert "the application" in told
    assert "the other side" not in told


def refused(reason: str, *, policy: str = "", rule: str = "") -> str:
    server = Hop(proxy="api", downstream_transport_failure_reason=reason)
    hop = Hop(response_code=503, response_flags="UC")
    (cause,) = causes(hop, refusal=Refusal(server, policy, rule))
    assert cause.page == FLAGS["UC"].page
    return f"{cause.what} | {cause.look}"


def test_plain_text_to_a_server_that_demands_mutual_tls_names_both_objects() -> None:
    policy, rule = "PeerAuthentication/istio-system/default", "DestinationRule/shop/api"
    assert refused("TLS_error|HTTP_REQUEST", policy=policy, rule=rule) == (
        f"api demands mutual TLS ({policy}) and the caller spoke plain text ({rule})"
        " | meltemi get peerauthentication default -n istio-system -o yaml;"
        " meltemi get destinationrule api -n shop -o yaml"
    )
    assert refused("WRONG_VERSION_NUMBER") == (
        "api demands mutual TLS and the caller spoke plain text"
        " | PeerAuthentication, tls.mode of DestinationRule"
    )


def test_tls_that_no_filter_chain_takes_is_not_called_plain_text() -> None:
    told = refused("")
    assert told.startswith("the proxy of api has no filter chain for the connection")
    assert "plain text" not in told
