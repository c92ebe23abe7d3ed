from __future__ import annotations

import pytest

from meltemi.citadel.settings import CitadelSettings
from meltemi.runtime.settings import SettingsError, read_settings

PLAIN = {
    "CITADEL_HTTP_ADDRESS": "127.0.0.1:1",
    "CITADEL_BOOTSTRAP_ADDRESS": "127.0.0.1:2",
    "CITADEL_RENEWAL_ADDRESS": "127.0.0.1:3",
    "CITADEL_ETCD_ENDPOINTS": "127.0.0.1:4",
    "CITADEL_STATE_DIR": "/s",
    "CITADEL_ADMIN_TOKEN_FILE": "/t",
}
VAULT = {
    "CITADEL_VAULT_ADDRESSES": "https://one:8200,https://two:8200/",
    "CITADEL_VAULT_ROLE_ID_FILE": "/r",
    "CITADEL_VAULT_SECRET_ID_FILE": "/s",
}


def read(**more: str) -> CitadelSettings:
    given = {f"CITADEL_{name.upper()}": value for name, value in more.items()}
    return read_settings(CitadelSettings, PLAIN | given)


def test_without_a_word_citadel_signs_itself() -> None:
    assert read().signer == "self-signed"


@pytest.mark.parametrize("signer", ["vault-sign", "vault-intermediate"])
def test_vault_needs_an_address_and_a_way_to_log_in(signer: str) -> None:
    with pytest.raises(SettingsError, match=r"ADDRESSES.*ROLE_ID_FILE.*SECRET_ID"):
        read(signer=signer)
    found = read_settings(CitadelSettings, PLAIN | VAULT | {"CITADEL_SIGNER": signer})
    assert found.vault_addresses == ("https://one:8200", "https://two:8200")


@pytest.mark.parametrize(
    ("login", "missing"), [("jwt", "JWT_FILE"), ("cert", "CERTIFICATE_KEY_FILE")]
)
def test_a_way_to_log_in_needs_its_files(login: str, missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        read(signer="vault-sign", vault_login=login, vault_addresses="https://one")


@pytest.mark.parametrize(
    ("signer", "stray"),
    [
        ("self-signed", "plugin_dir"),
        ("self-signed", "vault_mount"),
        ("plugin", "vault_mount"),
        ("vault-sign", "vault_intermediate_ttl"),
        ("vault-intermediate", "vault_role"),
    ],
)
def test_what_the_signer_would_not_read_is_refused(signer: str, stray: str) -> None:
    given = {"CITADEL_SIGNER": signer, f"CITADEL_{stray.upper()}": "20"}
    vault = VAULT if signer.startswith("vault") else {}
    plugin = {"CITADEL_PLUGIN_DIR": "/p"} if signer == "plugin" else {}
    with pytest.raises(SettingsError, match=f"does not read CITADEL_{stray.upper()}"):
        read_settings(CitadelSettings, PLAIN | vault | plugin | given)


@pytest.mark.parametrize("url", ["http://vault:8200", "vault:8200", "ftp://vault"])
def test_a_token_crosses_no_network_in_plain(url: str) -> None:
    with pytest.raises(SettingsError, match="https"):
        read_settings(
            CitadelSettings,
            PLAIN
            | VAULT
            | {"CITADEL_SIGNER": "vault-sign", "CITADEL_VAULT_ADDRESSES": url},
        )
