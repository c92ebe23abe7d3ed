from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from meltemi.kernel.errors import MeshError
from meltemi.proxy.adapters.envoy_binary import find_envoy
from meltemi.proxy.bootstrap import bootstrap, node_id
from meltemi.proxy.settings import AgentSettings, ProxyType
from meltemi.runtime.settings import read_settings

GOLDEN = Path(__file__).parent / "bootstrap_golden.json"

ENVIRON = {
    "AGENT_NAME": "reviews-v1",
    "AGENT_SERVICE_ACCOUNT": "bookinfo-reviews",
    "AGENT_LABELS": '{"app":"reviews","version":"v1"}',
    "AGENT_CITADEL_BOOTSTRAP": "127.0.0.1:21060",
    "AGENT_CITADEL_RENEWAL": "127.0.0.1:21061",
    "AGENT_ROOT_CERT_FILE": "/run/mesh/root-cert.pem",
    "AGENT_PILOTS": "127.0.0.1:21010,127.0.0.1:21011",
    "AGENT_RUN_DIR": "/run/mesh/reviews-v1",
    "AGENT_ADMIN_ADDRESS": "127.0.0.1:21500",
    "AGENT_STATUS_ADDRESS": "127.0.0.1:21501",
    "AGENT_EXPLICIT": (
        '{"inbound":"127.0.0.1:21100","apps":{"9080":"127.0.0.1:21200"},'
        '"outbound":{"reviews.default.svc.cluster.local:9080":"127.0.0.1:21003"}}'
    ),
    "AGENT_ENTRY_PORTS": '{"http": 21100}',
}


def settings(**changes: str) -> AgentSettings:
    return read_settings(AgentSettings, ENVIRON | changes)


def test_the_bootstrap_is_the_one_that_was_reviewed() -> None:
    assert bootstrap(settings()) == GOLDEN.read_text()


def test_the_node_id_is_spelled_as_istio_spells_it() -> None:
    assert node_id(settings()) == (
        "sidecar~127.0.0.1~reviews-v1.default~default.svc.cluster.local"
    )


def test_more_statistics_are_kept_where_they_are_asked_for() -> None:
    wanted = '{"prefixes":["http.x"],"suffixes":["_rq"],"regexps":["a.*b"]}'
    made = json.loads(bootstrap(settings(AGENT_STATS_INCLUSION=wanted)))
    usual = json.loads(bootstrap(settings()))
    kept, before = (
        each["stats_config"]["stats_matcher"]["inclusion_list"]["patterns"]
        for each in (made, usual)
    )
    assert [each for each in kept if each not in before] == [
        {"prefix": "http.x"},
        {"suffix": "_rq"},
        {"safe_regex": {"regex": "a.*b"}},
    ]
    assert all(each in kept for each in before)


@pytest.mark.parametrize(
    "wrong", ['{"regexps":["("]}', '{"prefixes":[""]}', '{"prefix":["a"]}']
)
def test_statistics_that_envoy_could_not_match_stop_the_start(wrong: str) -> None:
    with pytest.raises(MeshError):
        settings(AGENT_STATS_INCLUSION=wrong)


def test_a_gateway_is_a_router_and_tells_nothing_it_does_not_have() -> None:
    gateway = settings(AGENT_PROXY_TYPE="router", AGENT_EXPLICIT="{}")
    assert gateway.proxy_type is ProxyType.ROUTER
    node = json.loads(bootstrap(gateway))["node"]
    assert node["id"].startswith("router~")
    assert "MELTEMI_EXPLICIT" not in node["metadata"]


def test_a_captured_proxy_says_so_and_has_no_addresses_of_its_own() -> None:
    captured = settings(AGENT_INTERCEPTION_MODE="REDIRECT", AGENT_EXPLICIT="{}")
    metadata = json.loads(bootstrap(captured))["node"]["metadata"]
    assert metadata["INTERCEPTION_MODE"] == "REDIRECT"
    assert "MELTEMI_EXPLICIT" not in metadata


def test_what_envoy_opens_is_marked_where_rules_know_it_by_a_mark() -> None:
    marked = json.loads(bootstrap(settings(AGENT_PROXY_MARK="1337")))
    (option,) = marked["cluster_manager"]["upstream_bind_config"]["socket_options"]
    assert option["int_value"] == 1337
    assert (option["level"], option["name"]) == (socket.SOL_SOCKET, socket.SO_MARK)


@pytest.mark.parametrize("waits", [True, False])
def test_connections_are_counted_where_an_agent_waits_by_them(*, waits: bool) -> None:
    asked = settings(AGENT_EXIT_ON_ZERO_ACTIVE_CONNECTIONS=f"{waits}")
    kept = json.loads(bootstrap(asked))["stats_config"]["stats_matcher"]
    patterns = kept["inclusion_list"]["patterns"]
    assert ({"suffix": "downstream_cx_active"} in patterns) is waits


def test_a_node_names_the_group_it_joined() -> None:
    node = json.loads(bootstrap(settings(AGENT_GROUP="reviews")))["node"]
    assert node["metadata"]["AUTO_REGISTER_GROUP"] == "reviews"


def test_envoy_itself_accepts_the_bootstrap(tmp_path: Path) -> None:
    file = tmp_path / "envoy.json"
    file.write_text(bootstrap(settings()))
    argv = [str(find_envoy(None)), "--mode", "validate", "--config-path", str(file)]
    judged = subprocess.run(
        [*argv, "--log-level", "warning"], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stderr
    assert "[warning]" not in judged.stderr
    assert "deprecated" not in judged.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AGENT_EXPLICIT", '{"inbund":"127.0.0.1:1"}', "INBUND"),
        ("AGENT_EXPLICIT", '{"inbound":"127.0.0.1"}', "HOST:PORT"),
        ("AGENT_EXPLICIT", "{", "AGENT_EXPLICIT"),
        ("AGENT_SERVICE_ACCOUNT", "x/ns/admin", "service account"),
        ("AGENT_RUN_DIR", "/" + "x" * 120, "run_dir is too long"),
        ("AGENT_PILOTS", "", "pilots is empty"),
        ("AGENT_PILOT", "127.0.0.1:1", "AGENT_PILOTS"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(
    name: str, value: str, said: str
) -> None:
    with pytest.raises(MeshError, match=said):
        settings(**{name: value})


EVIL = 'v1"}\n    securityContext: {privileged: true}\n{{ 7 * 7 }} ${HOME} %s'


def test_t21_what_a_setting_holds_stays_one_string() -> None:
    """No template is filled in: a bootstrap is made of values."""
    labels = json.dumps({"app": "reviews", "version": EVIL})
    made = json.loads(bootstrap(settings(AGENT_LABELS=labels, AGENT_GROUP=EVIL)))
    metadata = made["node"]["metadata"]
    assert metadata["LABELS"]["version"] == EVIL
    assert metadata["AUTO_REGISTER_GROUP"] == EVIL
    harmless = json.loads(bootstrap(settings(AGENT_GROUP="a")))
    assert made["static_resources"] == harmless["static_resources"]


def test_a_node_whose_agent_answers_for_names_says_so() -> None:
    node = json.loads(bootstrap(settings(AGENT_DNS_ADDRESSES="127.0.0.1:15053")))
    assert node["node"]["metadata"]["DNS_CAPTURE"] == "true"
    assert "DNS_CAPTURE" not in json.loads(bootstrap(settings()))["node"]["metadata"]
