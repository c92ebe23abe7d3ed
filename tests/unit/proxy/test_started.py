"""What the mesh says, among an agent's own settings."""

from __future__ import annotations

import pytest

from meltemi.config.proxy_annotation import proxy_annotation
from meltemi.config.starting import InvalidWordsError, Words
from meltemi.proxy.checkpoint import CorruptCheckpointError
from meltemi.proxy.settings import AgentSettings
from meltemi.proxy.started import decode, encode, path_for, settled
from meltemi.runtime.settings import read_settings

ENVIRON = {
    "AGENT_NAME": "reviews-v1",
    "AGENT_SERVICE_ACCOUNT": "reviews",
    "AGENT_LABELS": '{"app": "reviews", "a/b": "c"}',
    "AGENT_CITADEL_BOOTSTRAP": "127.0.0.1:21060",
    "AGENT_CITADEL_RENEWAL": "127.0.0.1:21061",
    "AGENT_ROOT_CERT_FILE": "/run/mesh/root-cert.pem",
    "AGENT_PILOTS": "127.0.0.1:21010",
    "AGENT_RUN_DIR": "/run/mesh/reviews-v1",
    "AGENT_STATUS_ADDRESS": "127.0.0.1:21501",
    "AGENT_ADMIN_ADDRESS": "127.0.0.1:21500",
}


def heard(environ: dict[str, str], below: str, above: str = "{}") -> AgentSettings:
    whole = ENVIRON | environ
    told = Words(proxy_annotation(below), proxy_annotation(above))
    return settled(whole, read_settings(AgentSettings, whole), told)


def test_what_the_mesh_says_is_a_setting_of_the_agent() -> None:
    found = heard({}, "{concurrency: 3, terminationDrainDuration: 9s}")
    assert (found.concurrency, found.drain_seconds) == (3, 9.0)


def test_a_setting_of_the_agents_own_wins_over_all_that_is_said() -> None:
    own = {"AGENT_CONCURRENCY": "7"}
    assert heard(own, "{concurrency: 3}", "{concurrency: 4}").concurrency == 7


def test_the_annotation_stands_between() -> None:
    own = {"AGENT_PROXY_CONFIG": "{concurrency: 7}"}
    assert heard(own, "{concurrency: 3}").concurrency == 7
    assert heard(own, "{concurrency: 3}", "{concurrency: 4}").concurrency == 4


def test_what_an_agent_cannot_start_with_is_refused_by_name() -> None:
    with pytest.raises(InvalidWordsError, match="MINIMUM_DRAIN_DURATION"):
        heard({}, "{proxyMetadata: {MINIMUM_DRAIN_DURATION: soon}}")


def test_what_is_kept_is_used_whole_or_not_at_all() -> None:
    told = Words(proxy_annotation("{concurrency: 3}"))
    raw = encode(told)
    assert decode(raw) == told
    for at in (0, 30, len(raw) - 1):
        torn = bytearray(raw)
        torn[at] ^= 1
        with pytest.raises(CorruptCheckpointError):
            decode(bytes(torn))


def test_who_asks_says_its_labels() -> None:
    asked = path_for(read_settings(AgentSettings, ENVIRON))
    assert asked == "/api/v1/starting/default?labels=app%3Dreviews%2Ca/b%3Dc"
