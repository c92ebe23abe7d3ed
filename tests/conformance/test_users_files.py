from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from meltemi.config.decode import decode
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KIND_BY_NAME

SHARED = os.environ.get("MELTEMI_SHARED")  # noqa: TID251 - tests have no __main__
pytestmark = pytest.mark.skipif(
    SHARED is None, reason="MELTEMI_SHARED does not name the conformance data"
)
DATA = Path(SHARED or ".", "conformance")


def refusal(text: str) -> str | None:
    try:
        decode(text.encode(), file="f", default_namespace="default")
    except InvalidConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize("folder", ["samples", "tests_config"])
def test_what_users_write_is_accepted(folder: str) -> None:
    refused: list[str] = []
    total = 0
    for path in sorted(DATA.glob(f"{folder}/**/*.yaml")):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            kind = str((document or {}).get("kind"))
            known = KIND_BY_NAME.get(kind)
            if known is None or not document["apiVersion"].startswith(known.group):
                continue
            total += 1
            found = refusal(json.dumps(document))
            if found is not None:
                refused.append(f"{path.name}: {found}")
    # websocketUpgrade left Istio's API in 2019; one file of templates has "BACKEND"
    odd = [each for each in refused if "websocketUpgrade" in each or "BACKEND" in each]
    assert [each for each in refused if each not in odd] == []
    assert total > 10
