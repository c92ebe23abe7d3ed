from __future__ import annotations

import json
from typing import Any

import pytest

from meltemi.citadel.admit import ForbiddenIdentityError, UnauthenticatedError
from meltemi.citadel.caller import Evidence, Proof
from meltemi.citadel.entries import (
    Entries,
    InvalidEntryError,
    NotRegisteredError,
    Registration,
    read_entry,
)
from meltemi.kernel.identity import InvalidIdentityError
from meltemi.testkit.authority import RATINGS, REVIEWS

CI = Evidence(Proof.ISSUER, "10.0.0.1", "n1", "https://ci", "repo:acme/shop")
RENEWAL = Evidence(Proof.CERTIFICATE, "10.0.0.1")


def entry(
    account: str = "bookinfo-reviews", *, enabled: bool = True, **selector: Any
) -> bytes:
    whole = {
        "namespace": "default",
        "service_account": account,
        "enabled": enabled,
        "selector": selector,
    }
    return json.dumps(whole).encode()


def entries(registration: Registration, **found: bytes) -> Entries:
    made = Entries("cluster.local", registration)
    made.replace(found)
    return made


def test_where_registration_is_open_nobody_needs_an_entry() -> None:
    entries(Registration.OPEN).check(REVIEWS, CI)


def test_where_it_is_required_an_enabled_entry_lets_its_identity_in() -> None:
    known = entries(Registration.REQUIRED, a=entry())
    known.check(REVIEWS, CI)
    with pytest.raises(NotRegisteredError, match="needs one: PUT"):
        known.check(RATINGS, CI)


@pytest.mark.parametrize("registration", Registration)
def test_a_disabled_entry_shuts_out_also_those_who_renew(
    registration: Registration,
) -> None:
    known = entries(registration, a=entry(enabled=False))
    for evidence in (CI, RENEWAL):
        with pytest.raises(NotRegisteredError, match="is disabled: a"):
            known.check(REVIEWS, evidence)
    known.change("b", entry())
    known.check(REVIEWS, CI)
    known.change("b", None)
    with pytest.raises(NotRegisteredError):
        known.check(REVIEWS, CI)


@pytest.mark.parametrize(
    ("selector", "is_for"),
    [
        ({"issuer": "https://ci", "subject": "repo:acme/shop"}, True),
        ({"issuer": "https://other"}, False),
        ({"subject": "repo:acme/other"}, False),
        ({"cidr": "10.0.0.0/24", "node": "n1"}, True),
        ({"cidr": "10.0.1.0/24"}, False),
        ({"node": "n2"}, False),
    ],
)
def test_everything_that_a_selector_says_must_hold(
    selector: dict[str, Any],
    is_for: bool,  # noqa: FBT001 - a table's column
) -> None:
    known = entries(Registration.OPEN, a=entry(**selector))
    if is_for:
        known.check(REVIEWS, CI)
        return
    with pytest.raises(NotRegisteredError, match="for other callers: a"):
        known.check(REVIEWS, CI)


def test_who_renews_was_selected_before_and_only_its_network_counts() -> None:
    known = entries(Registration.REQUIRED, a=entry(issuer="https://ci", node="n1"))
    known.check(REVIEWS, RENEWAL)
    known.change("a", entry(cidr="10.9.0.0/16"))
    with pytest.raises(NotRegisteredError):
        known.check(REVIEWS, RENEWAL)


def test_an_entry_gives_a_subject_its_identity_if_it_is_one() -> None:
    shop: dict[str, Any] = {"issuer": "https://ci", "subject": "repo:acme/shop"}
    known = entries(
        Registration.OPEN, a=entry(**shop), b=entry("x", issuer="https://ci")
    )
    assert known.select(CI) == REVIEWS
    known.change("c", entry("bookinfo-ratings", **shop))
    with pytest.raises(UnauthenticatedError, match="2 identities"):
        known.select(CI)
    known.change("a", entry(enabled=False, **shop))
    assert known.select(CI) == RATINGS
    known.change("c", None)
    with pytest.raises(UnauthenticatedError, match="0 identities"):
        known.select(CI)


@pytest.mark.parametrize(
    ("name", "raw", "error"),
    [
        ("A", entry(), InvalidEntryError),
        ("../x", entry(), InvalidEntryError),
        ("a", b"{", InvalidEntryError),
        ("a", b'{"namespace":"a"}', InvalidEntryError),
        ("a", entry(cidr="10.0.0.1/8"), InvalidEntryError),
        ("a", entry(colour="red"), InvalidEntryError),
        ("a", entry("x/ns/admin"), InvalidIdentityError),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(
    name: str, raw: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        read_entry(name, raw, "cluster.local")
    known = entries(Registration.REQUIRED, **{name: raw})
    with pytest.raises(NotRegisteredError):
        known.check(REVIEWS, CI)


def test_nobody_can_be_registered_as_the_authority() -> None:
    raw = b'{"namespace":"istio-system","service_account":"citadel"}'
    with pytest.raises(ForbiddenIdentityError):
        read_entry("a", raw, "cluster.local")


def test_an_entry_of_a_newer_citadel_lets_nobody_in_whom_it_names() -> None:
    newer = json.loads(entry(enabled=False)) | {"until": "2030-01-01"}
    known = entries(Registration.OPEN, a=json.dumps(newer).encode(), b=b"}{")
    with pytest.raises(NotRegisteredError, match="disabled"):
        known.check(REVIEWS, CI)
    known.check(RATINGS, CI)
