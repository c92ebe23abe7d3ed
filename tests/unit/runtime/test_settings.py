from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads it

import pytest
from pydantic_settings import SettingsConfigDict

from meltemi.runtime.settings import (
    Address,
    Addresses,
    ServiceSettings,
    SettingsError,
    read_settings,
)


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BAKER_")

    http_address: Address
    peers: Addresses = ()
    labels: Mapping[str, str] = {}
    note: str = ""


ENVIRON = {"BAKER_HTTP_ADDRESS": "127.0.0.1:8080", "HOME": "/root"}


def read(**more: str) -> Settings:
    environ: Mapping[str, str] = {**ENVIRON, **more}
    return read_settings(Settings, environ)


def test_values_are_typed_and_other_variables_are_ignored() -> None:
    settings = read(BAKER_PEERS="a:1, [::1]:2", BAKER_LABELS='{"app": "bread"}')

    assert settings.http_address == Address("127.0.0.1", 8080)
    assert [str(peer) for peer in settings.peers] == ["a:1", "[::1]:2"]
    assert settings.labels == {"app": "bread"}


def test_text_that_looks_like_json_stays_text_where_text_is_wanted() -> None:
    assert read(BAKER_NOTE="{not json}").note == "{not json}"


def test_a_stray_is_refused_with_its_likely_meaning() -> None:
    with pytest.raises(SettingsError, match="did you mean BAKER_PEERS"):
        read(BAKER_PEER="a:1")


def test_every_problem_is_named_in_one_line() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(Settings, {"BAKER_PEERS": "a", "BAKER_LABELS": "[1"})
    text = str(caught.value)
    assert "BAKER_HTTP_ADDRESS is not set" in text
    assert "expected HOST:PORT, found 'a'" in text
    assert "BAKER_LABELS" in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", "a", "a:", ":1", "a:0", "a:65536", "a:x"])
def test_what_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Address.parse(text)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(read(), "note", "changed")  # noqa: B010 - mypy refuses the plain form
