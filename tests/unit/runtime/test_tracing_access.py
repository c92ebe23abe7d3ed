from __future__ import annotations

import pytest
from pydantic_settings import SettingsConfigDict

from meltemi.kernel.clock import SystemClock
from meltemi.runtime.settings import SettingsError, read_settings
from meltemi.runtime.tracing_access import TracingAccess


class Given(TracingAccess):
    model_config = SettingsConfigDict(env_prefix="X_")


async def test_nothing_is_traced_unless_a_collector_is_named() -> None:
    async with read_settings(Given, {}).tracing("x", "x-0", SystemClock()) as made:
        assert made is None
    told = {"X_TRACING_URL": "http://127.0.0.1:1"}
    async with read_settings(Given, told).tracing("x", "x-0", SystemClock()) as made:
        assert made is not None


@pytest.mark.parametrize("url", ["collector:4318", "ftp://a:1", "http://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="expected http://HOST:PORT"):
        read_settings(Given, {"X_TRACING_URL": url})


@pytest.mark.parametrize("share", ["-0.1", "1.1", "all"])
def test_a_share_is_between_none_and_all(share: str) -> None:
    with pytest.raises(SettingsError, match="X_TRACING_SHARE"):
        read_settings(Given, {"X_TRACING_SHARE": share})
