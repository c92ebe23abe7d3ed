from __future__ import annotations

from meltemi.events.change import Change, Heartbeat, Operation
from meltemi.events.gap import Apply, Duplicate, GapDetector, Resync, Wait
from meltemi.kernel.names import Epoch, Revision

EPOCH = Epoch("cafe")


def change(
    previous: int, revision: int, part: int = 1, parts: int = 1, epoch: Epoch = EPOCH
) -> Change:
    key = f"/mesh/v1/m/k.g/ns/{part}"
    return Change(
        epoch,
        Revision(previous),
        Revision(revision),
        Operation.UPDATED,
        key,
        b"{}",
        part,
        parts,
    )


def beat(head: int, relay: str = "galley-0", epoch: Epoch = EPOCH) -> Heartbeat:
    return Heartbeat(epoch, Revision(head), relay)


def at(revision: int) -> GapDetector:
    detector = GapDetector()
    assert detector.listed(EPOCH, Revision(revision))
    return detector


def test_nothing_is_applied_before_a_listing() -> None:
    verdict = GapDetector().change(change(4, 5))

    assert isinstance(verdict, Resync)
    assert verdict.reason.startswith("start")


def test_a_change_whose_predecessor_was_seen_is_applied_once() -> None:
    detector = at(4)

    assert detector.change(change(4, 6)) == Apply((change(4, 6),))
    assert detector.change(change(4, 6)) == Duplicate()
    assert detector.position == 6


def test_a_listing_newer_than_the_predecessor_counts_as_having_seen_it() -> None:
    assert isinstance(at(5).change(change(3, 6)), Apply)


def test_a_lost_predecessor_asks_for_a_resync_and_moves_nothing() -> None:
    detector = at(4)

    assert isinstance(detector.change(change(6, 8)), Resync)
    assert detector.position == 4
    assert detector.listed(EPOCH, Revision(8))
    assert detector.change(change(6, 8)) == Duplicate()


def test_a_transaction_is_applied_whole_whatever_the_order_of_its_parts() -> None:
    detector = at(4)
    parts = [change(4, 5, part, 3) for part in (1, 2, 3)]

    assert detector.change(parts[2]) == Wait(2)
    assert detector.change(parts[0]) == Wait(1)
    assert detector.change(parts[2]) == Wait(1), "a repeated part completes nothing"
    assert detector.change(parts[1]) == Apply(tuple(parts))
    assert detector.change(parts[1]) == Duplicate()


def test_a_transaction_that_lost_a_part_is_noticed_by_the_next_change() -> None:
    detector = at(4)
    detector.change(change(4, 5, 1, 2))

    assert isinstance(detector.change(change(5, 6)), Resync)


def test_two_successors_of_one_change_cannot_both_be_true() -> None:
    detector = at(4)
    detector.change(change(4, 5, 1, 2))

    assert isinstance(detector.change(change(4, 6)), Resync)


def test_another_epoch_asks_for_a_resync_even_when_its_revisions_are_lower() -> None:
    detector, restored = at(40), Epoch("beef")

    assert isinstance(detector.change(change(2, 3, epoch=restored)), Resync)
    assert isinstance(detector.beat(beat(3, epoch=restored)), Resync)
    assert detector.listed(restored, Revision(3)), "revisions may go back now"
    assert isinstance(detector.change(change(3, 4, epoch=restored)), Apply)


def test_a_listing_that_lags_does_not_roll_anybody_back() -> None:
    detector = at(4)
    detector.change(change(4, 9))

    assert not detector.listed(EPOCH, Revision(8))
    assert detector.position == 9


def test_a_beat_that_overtakes_its_change_alarms_nobody() -> None:
    detector = at(4)

    assert detector.beat(beat(5)) == Duplicate()
    assert isinstance(detector.change(change(4, 5)), Apply)
    assert detector.beat(beat(5)) == Duplicate()


def test_a_silent_loss_is_noticed_by_the_second_beat() -> None:
    detector = at(4)

    assert detector.beat(beat(5)) == Duplicate()
    assert detector.beat(beat(5, "galley-1")) == Duplicate(), "its own first word"
    assert isinstance(detector.beat(beat(5)), Resync)


def test_forged_relays_cost_a_bounded_amount_of_memory() -> None:
    detector = at(4)

    for number in range(1000):
        detector.beat(beat(5, f"relay-{number}"))

    assert len(detector._heads) == 64


def test_changes_follow_each_other() -> None:
    detector = at(4)

    for previous, revision in ((4, 5), (5, 9), (9, 10)):
        assert isinstance(detector.change(change(previous, revision)), Apply)


def test_a_listing_replaces_half_a_transaction_that_was_held() -> None:
    detector = at(4)
    detector.change(change(4, 5, 1, 2))

    assert detector.listed(EPOCH, Revision(5))
    assert isinstance(detector.change(change(5, 6)), Apply)


def test_a_listing_forgets_what_relays_said_of_another_ledger() -> None:
    detector, restored = at(4), Epoch("beef")
    detector.beat(beat(9))
    detector.listed(restored, Revision(3))

    assert detector.beat(beat(3, epoch=restored)) == Duplicate()


def test_a_listing_of_the_same_revision_is_taken() -> None:
    assert at(4).listed(EPOCH, Revision(4))


def test_a_forged_revision_does_not_freeze_a_listener_for_ever() -> None:
    detector = at(4)
    assert isinstance(detector.change(change(4, 2**62)), Apply)
    assert not detector.listed(EPOCH, Revision(9)), "a member may lag"
    assert not detector.listed(EPOCH, Revision(9))
    assert detector.listed(EPOCH, Revision(9)), "but not for ever (F-20)"
    assert isinstance(detector.change(change(9, 10)), Apply)
