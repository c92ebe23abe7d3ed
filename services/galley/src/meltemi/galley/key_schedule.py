"""When the keys of an issuer are fetched again, and for how long old ones serve. Pure.

::

    fetched ──▶ 20 min ──▶ again
    failed  ──▶ 1, 2, 4 … 60 min ──▶ again; the last good set serves for 7 days

Source: pilot/pkg/model/jwks_resolver.go JwtPubKeyRefreshInterval and its neighbours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from meltemi.config.key_sets import BUNDLE, KEYS, KeptKeys
from meltemi.galley.distribution import FALSE, TRUE, Condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.config.foreign_bundle import ForeignBundle
    from meltemi.config.key_sets import KeySource


class _Words(NamedTuple):
    """How one kind of what is fetched is spoken of."""

    condition: str
    nothing: str
    noun: str
    refused: str
    last: str


WORDS: Final = {
    KEYS: _Words(
        "KeysFetched",
        "NoKeys",
        "keys",
        "its tokens are refused",
        "the keys of {} serve for 7 days",
    ),
    BUNDLE: _Words(
        "BundlesFetched",
        "NoBundle",
        "roots",
        "its workloads are refused",
        "the roots of {} serve on",
    ),
}
LAST_GOOD: Final = timedelta(days=7)
FIRST_AGAIN: Final = timedelta(minutes=1)
LAST_AGAIN: Final = timedelta(minutes=60)


def due(kept: KeptKeys | None, refresh: timedelta, now: datetime) -> datetime:
    """Return when keys are to be fetched; that may have passed.

    Args:
        kept: What is known of them; None: nothing.
        refresh: How old good keys become.
        now: Where nothing is known, keys are due at once.

    """
    tried = _time(kept.tried) if kept else None
    if kept is None or tried is None:
        return now
    if not kept.failures:
        wished = timedelta(seconds=kept.refresh_seconds)
        return tried + (min(wished, refresh) if wished else refresh)
    return tried + min(FIRST_AGAIN * (1 << min(kept.failures - 1, 10)), LAST_AGAIN)


def fetched(source: KeySource, keys: str, now: datetime) -> KeptKeys:
    """Return what is known after a try that brought ``keys``."""
    time = now.isoformat()
    return KeptKeys(
        issuer=source.issuer, uri=source.uri, keys=keys, fetched=time, tried=time
    )


def fetched_bundle(source: KeySource, bundle: ForeignBundle, now: datetime) -> KeptKeys:
    """Return what is known after a try that brought ``bundle``."""
    return msgspec.structs.replace(
        fetched(source, bundle.roots, now),
        kind=source.kind,
        sequence=bundle.sequence,
        refresh_seconds=bundle.refresh_seconds,
    )


def failed(
    source: KeySource, kept: KeptKeys | None, problem: str, now: datetime
) -> KeptKeys:
    """Return what is known after a try that failed: the last good keys, for a time.

    Roots stay: who publishes none for a week has its workloads still.
    """
    before = kept or KeptKeys(issuer=source.issuer, uri=source.uri, kind=source.kind)
    gone = is_outdated(before, now) and source.kind == KEYS
    return msgspec.structs.replace(
        before,
        keys="" if gone else before.keys,
        tried=now.isoformat(),
        failures=before.failures + 1,
        problem=problem,
    )


def is_outdated(kept: KeptKeys, now: datetime) -> bool:
    """Tell whether the last good keys are too old to be believed, or there are none."""
    last = _time(kept.fetched)
    return last is None or last + LAST_GOOD <= now


def condition(kept: Sequence[KeptKeys]) -> Condition:
    """Return how it stands with what one object needs fetched, all of one kind."""
    words = WORDS[kept[0].kind]
    told = "; ".join(f"{each.source}: {_told(each, words)}" for each in kept)
    if all(each.keys and not each.failures for each in kept):
        return Condition(words.condition, TRUE, "Fetched", told)
    reason = "LastGood" if all(each.keys for each in kept) else words.nothing
    return Condition(words.condition, FALSE, reason, told)


def _told(kept: KeptKeys, words: _Words) -> str:
    if not kept.tried:
        return f"not fetched yet: {words.refused} until then"
    if not kept.failures:
        return f"fetched at {kept.fetched}"
    if kept.keys:
        return f"{kept.problem}; {words.last.format(kept.fetched)}"
    return f"{kept.problem}; without {words.noun} {words.refused}"


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
