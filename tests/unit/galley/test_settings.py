from __future__ import annotations

import pytest

from meltemi.galley.settings import GalleySettings
from meltemi.runtime.settings import SettingsError, read_settings

ENVIRON = {
    "GALLEY_ETCD_ENDPOINTS": "127.0.0.1:2379,127.0.0.1:2381",
    "GALLEY_NATS_URL": "nats://127.0.0.1:4222",
    "GALLEY_ADMIN_TOKEN_FILE": "/run/token",
}


def test_three_variables_are_enough() -> None:
    settings = read_settings(GalleySettings, ENVIRON)
    assert settings.mesh == "default"
    assert [str(each) for each in settings.etcd_endpoints] == [
        "127.0.0.1:2379",
        "127.0.0.1:2381",
    ]
    assert settings.trust_bundle_file is None


def test_tokens_do_not_travel_in_plain_text_beyond_this_machine() -> None:
    with pytest.raises(SettingsError, match="not on loopback"):
        read_settings(GalleySettings, ENVIRON | {"GALLEY_HTTP_ADDRESS": "0.0.0.0:80"})


TLS = {"GALLEY_TLS_CERT_FILE": "/tls/cert", "GALLEY_TLS_KEY_FILE": "/tls/key"}


def test_with_tls_it_serves_beyond_this_machine() -> None:
    far = {"GALLEY_HTTP_ADDRESS": "0.0.0.0:443"}
    settings = read_settings(GalleySettings, ENVIRON | far | TLS)
    assert settings.tls is not None
    assert not settings.on_loopback
    assert read_settings(GalleySettings, ENVIRON).tls is None


@pytest.mark.parametrize(
    ("alone", "why"),
    [
        ({"GALLEY_TLS_CERT_FILE": "/tls/cert"}, "set both"),
        ({"GALLEY_TLS_KEY_FILE": "/tls/key"}, "set both"),
        ({"GALLEY_CLIENT_CA_FILE": "/tls/ca"}, "of no use in plain text"),
    ],
)
def test_half_of_tls_is_none(alone: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        read_settings(GalleySettings, ENVIRON | alone)


def test_a_misspelt_variable_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="did you mean GALLEY_MESH"):
        read_settings(GalleySettings, ENVIRON | {"GALLEY_MESHH": "x"})


@pytest.mark.parametrize("missing", ["CITADEL_BOOTSTRAP", "CITADEL_RENEWAL", "PILOTS"])
def test_where_to_join_is_told_whole_or_not_at_all(missing: str) -> None:
    names = ("CITADEL_BOOTSTRAP", "CITADEL_RENEWAL", "PILOTS")
    told = {f"GALLEY_JOINING_{name}": "far.example:1" for name in names}
    assert read_settings(GalleySettings, ENVIRON | told).joining_pilots
    del told[f"GALLEY_JOINING_{missing}"]
    with pytest.raises(SettingsError, match="belong together"):
        read_settings(GalleySettings, ENVIRON | told)


def test_pilots_are_asked_over_tls_with_all_three_files_or_in_plain_text() -> None:
    assert read_settings(GalleySettings, ENVIRON).pilots_tls is None
    with pytest.raises(SettingsError, match="pilots_key_file belong together"):
        read_settings(GalleySettings, ENVIRON | {"GALLEY_PILOTS_CA_FILE": "/ca.pem"})
