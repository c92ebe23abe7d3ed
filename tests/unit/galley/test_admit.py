from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from meltemi.config.decode import decode
from meltemi.galley.admit import (
    Admitted,
    Held,
    Preconditions,
    Stamp,
    Unchanged,
    admit_creation,
    admit_replacement,
)
from meltemi.galley.refusals import (
    AlreadyExistsError,
    PreconditionFailedError,
    StaleWriteError,
)
from meltemi.kernel.names import Revision

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

TEXT = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default, labels: {team: LABEL}}
spec: {host: HOST}
"""
FIRST = Stamp("admin", "2030-01-01T00:00:00.000000Z", "uid-1")
SECOND = Stamp("ci", "2030-01-02T00:00:00.000000Z", "uid-2")
NONE = Preconditions()


def rule(host: str = "reviews", label: str = "a") -> Resource[Message]:
    text = TEXT.replace("HOST", host).replace("LABEL", label)
    return decode(text.encode(), file="f", default_namespace="default")[0]


def held(revision: int = 7) -> Held:
    admitted = admit_creation(rule(), None, FIRST)
    return Held(admitted.resource, Revision(revision))


def test_a_new_object_gets_the_servers_metadata() -> None:
    admitted = admit_replacement(rule(), None, NONE, FIRST)
    assert isinstance(admitted, Admitted)
    assert admitted.created
    metadata = admitted.resource.metadata
    assert metadata.uid == "uid-1"
    assert metadata.generation == 1
    assert metadata.creation_timestamp == "2030-01-01T00:00:00.000000Z"
    assert [m.manager for m in metadata.managed_fields] == ["admin"]
    assert metadata.managed_fields[0].operation == "Create"
    assert metadata.managed_fields[0].time == "2030-01-01T00:00:00.000000Z"


def test_what_the_user_claims_about_server_metadata_is_not_believed() -> None:
    forged = msgspec.structs.replace(
        rule(),
        metadata=msgspec.structs.replace(
            rule().metadata, uid="mine", generation=9, creation_timestamp="never"
        ),
    )
    assert admit_creation(forged, None, FIRST) == admit_creation(rule(), None, FIRST)


def test_equal_content_is_no_write() -> None:
    assert admit_replacement(rule(), held(), NONE, SECOND) == Unchanged(held())


def test_a_changed_specification_counts_up_and_keeps_the_identity() -> None:
    admitted = admit_replacement(rule("ratings"), held(), NONE, SECOND)
    assert isinstance(admitted, Admitted)
    assert not admitted.created
    metadata = admitted.resource.metadata
    assert metadata.generation == 2
    assert metadata.uid == "uid-1"
    assert metadata.creation_timestamp == FIRST.time
    assert metadata.managed_fields[-1].manager == "ci"
    assert metadata.managed_fields[-1].operation == "Update"


def test_changed_labels_are_a_write_but_not_a_generation() -> None:
    admitted = admit_replacement(rule(label="b"), held(), NONE, SECOND)
    assert isinstance(admitted, Admitted)
    assert admitted.resource.metadata.generation == 1


def test_creating_what_is_there_is_refused_even_when_equal() -> None:
    with pytest.raises(AlreadyExistsError, match="DestinationRule/default/reviews"):
        admit_creation(rule(), held(), SECOND)


@pytest.mark.parametrize(
    "preconditions",
    [
        Preconditions(resource_version="7"),
        Preconditions(if_match='"7"'),
        Preconditions(if_match='W/"7"'),
        Preconditions(if_match='"1", "7"'),
        Preconditions(if_match="*"),
        Preconditions(if_none_match='"6"'),
    ],
)
def test_preconditions_that_hold_let_the_write_pass(
    preconditions: Preconditions,
) -> None:
    admitted = admit_replacement(rule("ratings"), held(7), preconditions, SECOND)
    assert isinstance(admitted, Admitted)


@pytest.mark.parametrize(
    ("preconditions", "error"),
    [
        (Preconditions(resource_version="6"), StaleWriteError),
        (Preconditions(resource_version="x"), StaleWriteError),
        (Preconditions(if_match='"6"'), PreconditionFailedError),
        (Preconditions(if_match="7"), PreconditionFailedError),
        (Preconditions(if_none_match="*"), PreconditionFailedError),
        (Preconditions(if_none_match='"7"'), PreconditionFailedError),
    ],
)
def test_preconditions_that_fail_stop_the_write_even_when_equal(
    preconditions: Preconditions, error: type[Exception]
) -> None:
    with pytest.raises(error):
        admit_replacement(rule(), held(7), preconditions, SECOND)


@pytest.mark.parametrize(
    ("preconditions", "error"),
    [
        (Preconditions(resource_version="7"), StaleWriteError),
        (Preconditions(if_match="*"), PreconditionFailedError),
    ],
)
def test_an_object_that_is_gone_matches_nothing(
    preconditions: Preconditions, error: type[Exception]
) -> None:
    with pytest.raises(error):
        admit_replacement(rule(), None, preconditions, SECOND)
