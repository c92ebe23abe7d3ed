from __future__ import annotations

import pytest

from meltemi.pilot.settings import PilotSettings
from meltemi.runtime.settings import SettingsError, read_settings

NEEDED = {
    "PILOT_ETCD_ENDPOINTS": "127.0.0.1:2379",
    "PILOT_NATS_URL": "nats://127.0.0.1:4222",
}
FILES = {"PILOT_CONFIG_SOURCE": "file:///etc/mesh"}


def test_what_has_a_good_default_need_not_be_said() -> None:
    settings = read_settings(PilotSettings, NEEDED)
    assert str(settings.xds_address) == "127.0.0.1:15010"
    assert settings.trust_domain == "cluster.local"


def test_configuration_comes_from_the_ledger_or_from_one_server() -> None:
    told = {"PILOT_CONFIG_SOURCE": "xds://127.0.0.1:15051"}
    settings = read_settings(PilotSettings, told)
    assert str(settings.config_source) == "127.0.0.1:15051"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "set etcd_endpoints and nats_url, or config_source"),
        (NEEDED | {"PILOT_CONFIG_SOURCE": "xds://127.0.0.1:1"}, "in place of"),
        (FILES | {"PILOT_HEARTBEAT_SILENCE": "3"}, "heartbeat_silence would do"),
        (FILES | {"PILOT_SECRETS_KEY_FILE": "/key"}, "secrets_key_file would do"),
        (FILES | {"PILOT_NATS_ROOT_CERT_FILE": "/ca"}, "nats_root_cert_file would"),
        ({"PILOT_CONFIG_SOURCE": "127.0.0.1:1"}, "expected xds://HOST:PORT"),
        ({"PILOT_CONFIG_SOURCE": "xds://10.0.0.1:1"}, "is not on loopback"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(
    told: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(PilotSettings, told)


@pytest.mark.parametrize("field", ["xds_address", "http_address"])
def test_plain_text_does_not_leave_the_machine(field: str) -> None:
    wrong = NEEDED | {f"PILOT_{field.upper()}": "0.0.0.0:15010"}
    with pytest.raises(SettingsError) as error:
        read_settings(PilotSettings, wrong)
    assert str(error.value).startswith(f"{field} 0.0.0.0:15010 is not on loopback")


def test_views_leave_the_machine_over_tls_that_asks_who_comes() -> None:
    files = {
        "PILOT_HTTP_CERT_FILE": "/own.pem",
        "PILOT_HTTP_KEY_FILE": "/own.key",
        "PILOT_HTTP_CLIENT_CA_FILE": "/ca.pem",
    }
    away = NEEDED | {"PILOT_HTTP_ADDRESS": "pilot-0:15014"}
    tls = read_settings(PilotSettings, away | files).http_tls
    assert tls is not None
    assert tls.mutual
    del files["PILOT_HTTP_CLIENT_CA_FILE"]
    with pytest.raises(SettingsError, match="belong together"):
        read_settings(PilotSettings, away | files)


def test_features_are_turned_on_by_name() -> None:
    told = NEEDED | {"PILOT_FEATURES": '{"dual_stack": true, "trace_sampling": 5}'}
    features = read_settings(PilotSettings, told).features
    assert features.dual_stack
    assert features.trace_sampling == 5
    assert features.ip_autoallocate


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"dual_stak": true}', "dual_stak is not a feature: known are dual_stack"),
        ('{"dual_stack": "perhaps"}', "valid boolean"),
        ("dual_stack", "Expecting value"),
        ("[]", "PILOT_FEATURES"),
    ],
)
def test_a_wrong_feature_is_named(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read_settings(PilotSettings, NEEDED | {"PILOT_FEATURES": text})
