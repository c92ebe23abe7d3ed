from __future__ import annotations

from meltemi.config.key_sets import BUNDLE, KeptKeys
from meltemi.pilot.foreign_bundles import ForeignBundles

URL = "https://partner.example/bundle"


def kept(roots: str, kind: str = BUNDLE) -> bytes:
    return KeptKeys(uri=URL, keys=roots, kind=kind).encoded()


def test_bundles_are_found_by_their_url_and_changes_are_told() -> None:
    told: list[dict[str, str]] = []
    bundles = ForeignBundles(lambda: told.append(dict(bundles.by_url)))
    assert not bundles.known
    bundles.replace({"a": kept("ROOT"), "b": kept("{}", kind=""), "c": b"rubbish"})
    bundles.change("a", kept("ROOT"))
    bundles.change("b", kept("{}", kind=""))
    bundles.change("a", kept("NEXT"))
    bundles.change("a", None)
    assert bundles.known
    assert told == [{URL: "ROOT"}, {URL: "NEXT"}, {}]
