from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from meltemi.runtime.logs import configure_logs
configure_logs("baker", "baker-0", json={json})
structlog.get_logger("meltemi.baker").info("bread.baked", loaves=3)
structlog.get_logger().debug("oven.looked-into")
logging.getLogger("some.library").warning("flour is low")
logging.getLogger("some.library").info("flour is fine")
try:
    raise ValueError("burnt")
except ValueError:
    structlog.get_logger().exception("bread.lost")
"""


def lines(*, as_json: bool) -> list[str]:
    argv = [sys.executable, "-c", PROGRAM.replace("{json}", str(as_json))]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == "", "standard output belongs to answers"
    return done.stderr.splitlines()


def test_machines_get_one_json_object_a_line() -> None:
    baked, library, lost = (json.loads(line) for line in lines(as_json=True))

    assert baked["event"] == "bread.baked"
    assert (baked["service"], baked["instance"]) == ("baker", "baker-0")
    assert (baked["loaves"], baked["level"]) == (3, "info")
    assert baked["time"].endswith("Z")
    assert library["event"] == "flour is low"
    assert "ValueError: burnt" in lost["exception"]


def test_people_get_key_and_value() -> None:
    first = lines(as_json=False)[0]

    assert "event='bread.baked'" in first
    assert "loaves=3" in first
