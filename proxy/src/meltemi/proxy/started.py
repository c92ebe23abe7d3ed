"""Settings with what the mesh says beneath them and above. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from meltemi.config.starting import PATH, InvalidWordsError, Words
from meltemi.config.values import encode_value
from meltemi.proxy.checkpoint import checked, summed
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

MAGIC: Final = b"meltemi-starting 1\n"
CONFIG: Final = "AGENT_PROXY_CONFIG"


def path_for(settings: AgentSettings) -> str:
    """Return the path below Galley's address where what is meant for us is told."""
    labels = ",".join(f"{name}={each}" for name, each in settings.labels.items())
    return f"{PATH}/{settings.namespace}?labels={quote(labels)}"


def encode(words: Words) -> bytes:
    """Return the content of the file in which ``words`` are kept."""
    return summed(MAGIC, words.encode())


def decode(raw: bytes) -> Words:
    """Read what `encode` wrote.

    Raises:
        CorruptCheckpointError, InvalidWordsError: If it did not, bit for bit.

    """
    return Words.decode(checked(MAGIC, raw))


def settled(
    environ: Mapping[str, str], own: AgentSettings, words: Words
) -> AgentSettings:
    """Return the settings of ``environ`` with ``words`` heard.

    Args:
        environ: The agent's variables. What they set themselves holds.
        own: What they say without ``words``.
        words: What the mesh says.

    Raises:
        InvalidWordsError: If an agent cannot start with that.

    """
    whole = words.over(own.proxy_config)
    text = msgspec.json.encode(whole, enc_hook=encode_value).decode()
    try:
        return read_settings(AgentSettings, {**environ, CONFIG: text})
    except SettingsError as error:
        raise InvalidWordsError(f"{', '.join(words.sources)}: {error}") from error
