from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.events.change import Change, Heartbeat, Operation
from meltemi.events.codec import (
    LARGEST_BODY,
    MalformedEventError,
    beats_subject,
    decode_beat,
    decode_change,
    encode_beat,
    encode_change,
)
from meltemi.events.message import Message
from meltemi.kernel.names import Epoch, Revision

KEY = "/mesh/v1/default/gateways.networking.istio.io/prod/api.example.com"
CHANGE = Change(
    epoch=Epoch("cdf818194e3a8c32"),
    previous=Revision(40),
    revision=Revision(41),
    operation=Operation.UPDATED,
    ledger_key=KEY,
    value=b'{"metadata":{"uid":"u-1","generation":3,'
    b'"managedFields":[{"manager":"jo","time":"2026-01-02T03:04:05.000006Z"}]}}',
    part=2,
    parts=3,
)


def test_a_change_travels_on_its_own_subject_with_the_name_last() -> None:
    message = encode_change(CHANGE)

    assert message.subject == (
        "mesh.cfg.v1.default.gateways.prod.updated.api.example.com"
    )
    assert message.headers == {
        "Nats-Msg-Id": f"41/{KEY}",
        "Mesh-Epoch": "cdf818194e3a8c32",
        "Mesh-Revision": "41",
        "Mesh-Previous": "40",
        "Mesh-Part": "2/3",
        "Mesh-Uid": "u-1",
        "Mesh-Generation": "3",
        "Mesh-Actor": "jo",
        "ce-specversion": "1.0",
        "ce-id": f"41/{KEY}",
        "ce-source": "//default/galley",
        "ce-type": "io.meltemi.config.updated.v1",
        "ce-subject": "gateways/prod/api.example.com",
        "ce-sequence": "41",
        "ce-time": "2026-01-02T03:04:05.000006Z",
        "ce-datacontenttype": "application/json",
    }
    assert message.body == CHANGE.value


@pytest.mark.parametrize(
    "change",
    [
        CHANGE,
        replace(CHANGE, operation=Operation.DELETED, value=None),
        replace(CHANGE, previous=Revision(0), value=b"\xff not JSON"),
        replace(CHANGE, ledger_key=KEY.replace("/prod/", "/_/")),
    ],
)
def test_what_is_encoded_is_decoded(change: Change) -> None:
    assert decode_change(encode_change(change)) == change


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("2026-01-02T03:04:05.000006Z", datetime(2026, 1, 2, 3, 4, 5, 6, UTC)),
        ("2026-01-02T03:04:05", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_change_knows_when_it_was_written_if_that_is_told(
    told: str, written: datetime | None
) -> None:
    message = encode_change(CHANGE)
    headers = {**message.headers, "ce-time": told}
    assert decode_change(replace(message, headers=headers)).written == written


def test_a_big_object_is_named_and_not_sent() -> None:
    large = replace(CHANGE, value=b"x" * (LARGEST_BODY + 1))

    message = encode_change(large)

    assert message.body == b""
    assert message.headers["ce-dataref"] == KEY
    assert decode_change(message) == replace(large, value=None)


@pytest.mark.parametrize("key", ["", "/mesh/v1/default/x", KEY + "/more", KEY + " "])
def test_only_configuration_objects_are_announced(key: str) -> None:
    with pytest.raises(MalformedEventError):
        encode_change(replace(CHANGE, ledger_key=key))


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Nats-Msg-Id", "42" + KEY),
        ("Nats-Msg-Id", f"42/{KEY}"),
        ("Nats-Msg-Id", f"41/{KEY}x"),
        ("Mesh-Epoch", "../etc"),
        ("Mesh-Revision", "-41"),
        ("Mesh-Revision", "9" * 19),
        ("Mesh-Previous", "41"),
        ("Mesh-Part", "4/3"),
        ("Mesh-Part", "1"),
        ("Mesh-Part", "1/129"),
    ],
)
def test_a_contradiction_in_a_header_is_refused(header: str, value: str) -> None:
    message = encode_change(CHANGE)

    with pytest.raises(MalformedEventError):
        decode_change(replace(message, headers={**message.headers, header: value}))


def test_an_update_without_its_object_is_refused() -> None:
    with pytest.raises(MalformedEventError, match="no body"):
        decode_change(replace(encode_change(CHANGE), body=b""))


def test_a_subject_that_names_another_object_is_refused() -> None:
    message = encode_change(CHANGE)

    with pytest.raises(MalformedEventError, match="does not name"):
        decode_change(replace(message, subject=message.subject + ".org"))


HEADERS = st.dictionaries(
    st.sampled_from([*encode_change(CHANGE).headers, "other"]),
    st.text(max_size=30) | st.sampled_from([*encode_change(CHANGE).headers.values()]),
)
MESSAGES = st.builds(
    Message,
    st.text(max_size=80) | st.just(encode_change(CHANGE).subject),
    HEADERS,
    st.binary(max_size=200),
)


@given(message=MESSAGES)
def test_any_message_is_a_change_or_malformed_and_never_another_error(
    message: Message,
) -> None:
    for decode in (decode_change, decode_beat):
        try:
            decode(message)
        except MalformedEventError:
            continue


def test_a_heartbeat_keeps_the_frozen_shape() -> None:
    beat = Heartbeat(Epoch("cafe"), Revision(41), "galley-0")

    message = encode_beat("default", beat)

    assert message.subject == beats_subject("default") == "mesh.beat.v1.default"
    assert message.body == b'{"epoch":"cafe","head":41,"relay":"galley-0"}'
    assert decode_beat(message) == beat


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"epoch":"cafe","head":-1,"relay":"x"}', b"\xff", b'{"head":1}'],
)
def test_a_malformed_heartbeat_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedEventError):
        decode_beat(Message("mesh.beat.v1.default", {}, body))


def test_an_object_of_exactly_the_limit_is_sent() -> None:
    message = encode_change(replace(CHANGE, value=b"x" * LARGEST_BODY))

    assert len(message.body) == LARGEST_BODY
    assert "ce-dataref" not in message.headers


@pytest.mark.parametrize(("part", "parts"), [(1, 1), (1, 128), (128, 128)])
def test_parts_reach_from_one_to_what_a_transaction_holds(
    part: int, parts: int
) -> None:
    change = replace(CHANGE, part=part, parts=parts)

    assert decode_change(encode_change(change)) == change


@pytest.mark.parametrize("manager", ["", "é", "a\\nb", " a"])
def test_what_cannot_stand_in_a_header_is_left_out(manager: str) -> None:
    value = f'{{"metadata":{{"managedFields":[{{"manager":"{manager}"}}]}}}}'

    headers = encode_change(replace(CHANGE, value=value.encode())).headers

    assert "Mesh-Actor" not in headers
