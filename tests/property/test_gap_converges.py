"""F-16, F-17: whatever the bus does, a listener ends up with the ledger's content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.events.change import Change, Heartbeat, Operation
from meltemi.events.codec import decode_change, encode_change
from meltemi.events.gap import Apply, GapDetector, Resync
from meltemi.kernel.names import Epoch, Revision

if TYPE_CHECKING:
    from random import Random

EPOCH = Epoch("cafe")
NAMES = "abcde"
EDITS = st.dictionaries(
    st.sampled_from(NAMES), st.none() | st.binary(min_size=1, max_size=2), min_size=1
)
HISTORIES = st.lists(EDITS, max_size=25)


class History:
    """What the ledger went through, and what it rang."""

    def __init__(self, edits: list[dict[str, bytes | None]]) -> None:
        self.states: list[dict[str, bytes]] = [{}]
        self.rings: list[Change] = []
        for number, edit in enumerate(edits, 1):
            self.states.append(apply(self.states[-1], edit))
            for part, (name, value) in enumerate(edit.items(), 1):
                change = Change(
                    EPOCH,
                    Revision(number * 3 - 3),
                    Revision(number * 3),
                    Operation.DELETED if value is None else Operation.UPDATED,
                    f"/mesh/v1/m/kinds.g/ns/{name}",
                    value,
                    part,
                    len(edit),
                )
                self.rings.append(decode_change(encode_change(change)))

    @property
    def head(self) -> Revision:
        return Revision(len(self.states) * 3 - 3)


def apply(state: dict[str, bytes], edit: dict[str, bytes | None]) -> dict[str, bytes]:
    merged = {**state, **edit}
    return {name: value for name, value in merged.items() if value is not None}


class Listener:
    """Applies what it is told to, and lists when it is told to."""

    def __init__(self, history: History) -> None:
        self.history, self.detector = history, GapDetector()
        self.content: dict[str, bytes] = {}
        self.resyncs = 0

    def hear(self, change: Change, lag: int) -> None:
        verdict = self.detector.change(change)
        if isinstance(verdict, Resync):
            self.resync(max(change.revision // 3, len(self.history.states) - 1 - lag))
        if isinstance(verdict, Apply):
            edit = {each.ledger_key[-1]: each.value for each in verdict.changes}
            self.content = apply(self.content, edit)
            at = verdict.changes[0].revision // 3
            assert self.content == self.history.states[at], "never half a transaction"

    def resync(self, index: int) -> None:
        self.resyncs += 1
        if self.detector.listed(EPOCH, Revision(index * 3)):
            self.content = self.history.states[index]


@settings(max_examples=300)
@given(edits=HISTORIES, rng=st.randoms(use_true_random=False))
def test_loss_repetition_and_reordering_end_in_the_ledgers_content(
    edits: list[dict[str, bytes | None]], rng: Random
) -> None:
    history = History(edits)
    listener = Listener(history)
    bus = [ring for ring in history.rings for _ in range(rng.choice((0, 1, 1, 2)))]
    if rng.random() < 0.5:
        rng.shuffle(bus)
    for ring in bus:
        listener.hear(ring, lag=rng.randint(0, 3))
    for _ in range(2):
        beat = Heartbeat(EPOCH, history.head, "galley-0")
        if isinstance(listener.detector.beat(beat), Resync):
            listener.resync(len(history.states) - 1)

    assert listener.content == history.states[-1]


@given(edits=HISTORIES)
def test_two_relays_that_ring_in_order_never_cause_a_resync(
    edits: list[dict[str, bytes | None]],
) -> None:
    history = History(edits)
    listener = Listener(history)
    listener.resync(0)

    for ring in history.rings:
        listener.hear(ring, lag=0)
        listener.hear(ring, lag=0)

    assert listener.resyncs == 1, "only the first listing"
    assert listener.content == history.states[-1]
