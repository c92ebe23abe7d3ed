"""The SPIFFE bundle of a mesh that only the tests know, as its endpoint answers it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meltemi.citadel.key_ring import Ring, StoredRing
from meltemi.citadel.spiffe_bundle import spiffe_bundle
from meltemi.citadel.token_key import TokenKey
from meltemi.identity.keys import new_key

if TYPE_CHECKING:
    from meltemi.citadel.issue import Authority

FAR = 4_000_000_000
"""A sequence behind every root's beginning: that is what it is otherwise, at least."""


def bundle(signer: Authority, sequence: int = FAR, refresh: int = 300) -> str:
    """Return the bundle that Citadel would publish for ``signer``."""
    changed = datetime.fromtimestamp(sequence, UTC)
    ring = Ring(StoredRing(changed, ()), (TokenKey(new_key()),))
    return json.dumps(spiffe_bundle([signer.certificate], ring, refresh))
