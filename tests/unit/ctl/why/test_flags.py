from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from meltemi.ctl.why.flags import FLAGS
from meltemi.proxy.adapters.envoy_binary import find_envoy

if TYPE_CHECKING:
    from pathlib import Path

FILTERED = {
    "admin": {
        "access_log": [
            {
                "name": "log",
                "filter": {"response_flag_filter": {"flags": ["no flag"]}},
            }
        ],
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
    }
}
"""A filter by a flag that does not exist: Envoy refuses it, and lists what does."""


def known_to_envoy(file: Path) -> set[str]:
    """Return the response flags of the pinned Envoy, by its own word."""
    file.write_text(json.dumps(FILTERED))
    argv = [str(find_envoy(None)), "--mode", "validate", "--config-path", str(file)]
    judged = subprocess.run(argv, capture_output=True, text=True, check=False)
    listed = re.search(r"must be in list \[([A-Z ]+)\]", judged.stderr)
    assert listed, judged.stderr
    return set(listed.group(1).split())


def test_every_flag_of_the_pinned_envoy_is_explained(tmp_path: Path) -> None:
    assert set(FLAGS) == known_to_envoy(tmp_path / "envoy.json")


def test_an_answer_from_a_cache_is_not_told_as_a_missing_filter() -> None:
    assert "cache" in FLAGS["RFCF"][0]
    assert "configuration never came" in FLAGS["NFCF"][0]
