from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from hypothesis import given
from hypothesis import strategies as st

from meltemi.xds.name_table import (
    InvalidNameTableError,
    Name,
    NamedPort,
    decode,
    encode,
)

REVIEWS = Name(("240.240.0.7", "2001:2::f0f0:7"), "External", "reviews", "default")
TEXT = st.text(max_size=200)
PORTS = st.builds(
    NamedPort, TEXT, st.sampled_from(("tcp", "udp")), st.integers(1, 65535)
)
TABLES = st.dictionaries(
    TEXT,
    st.builds(
        Name,
        st.lists(TEXT).map(tuple),
        TEXT,
        TEXT,
        TEXT,
        st.lists(PORTS, max_size=3).map(tuple),
    ),
    max_size=5,
)


def istio() -> Any:
    """Return Istio's own message, from its definition's names and numbers."""
    text, message = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_MESSAGE
    file = FileDescriptorProto(
        name="nds.proto", package="istio.networking.nds.v1", syntax="proto3"
    )
    table = file.message_type.add(name="NameTable")
    info = table.nested_type.add(name="NameInfo")
    for number, (name, repeated) in enumerate(
        [
            ("ips", True),
            *((each, False) for each in ("registry", "shortname")),
            ("namespace", False),
            ("alt_hosts", True),
        ],
        1,
    ):
        label = 3 if repeated else 1
        info.field.add(name=name, number=number, type=text, label=label)
    within = ".istio.networking.nds.v1.NameTable"
    entry = table.nested_type.add(name="TableEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=text, label=1)
    named = f"{within}.NameInfo"
    entry.field.add(name="value", number=2, type=message, label=1, type_name=named)
    entries = f"{within}.TableEntry"
    table.field.add(name="table", number=1, type=message, label=3, type_name=entries)
    table.field.add(name="name_info", number=2, type=message, label=1, type_name=named)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("istio.networking.nds.v1.NameTable")
    return message_factory.GetMessageClass(found)


ISTIO = istio()


@given(TABLES)
def test_what_is_written_is_istios_message_and_is_read_again(
    table: dict[str, Name],
) -> None:
    raw = encode(table)
    assert decode(raw) == table
    seen = ISTIO.FromString(raw).table
    assert {
        host: Name(tuple(each.ips), each.registry, each.shortname, each.namespace)
        for host, each in seen.items()
    } == {host: replace(each, ports=()) for host, each in table.items()}, (
        "what Istio's agents do not know they pass over"
    )


def test_what_istio_writes_is_read_and_what_is_not_known_is_passed_over() -> None:
    message = ISTIO()
    told = message.table["reviews.default.svc.cluster.local"]
    told.ips.extend(REVIEWS.addresses)
    told.registry, told.shortname, told.namespace = "External", "reviews", "default"
    told.alt_hosts.append("old")
    message.name_info.ips.append("10.0.0.1")
    more = bytes([9 << 3, 1]) + bytes([9 << 3 | 1]) + bytes(8)
    raw = message.SerializeToString() + more
    assert decode(raw) == {"reviews.default.svc.cluster.local": REVIEWS}


@pytest.mark.parametrize("text", ["", "80", "80/tcp", "x/tcp/http", "999999/tcp/http"])
def test_a_port_that_cannot_be_read_is_passed_over(text: str) -> None:
    raw = encode({"a": Name((), ports=(NamedPort("http", "tcp", 80),))})
    odd = raw.replace(b"\x0b80/tcp/http", bytes([len(text)]) + text.encode())
    growth = len(odd) - len(raw)
    head = bytearray(odd)
    for at in (1, 6):  # the lengths of the entry and of its value
        head[at] += growth
    assert decode(bytes(head)) == {"a": Name(())}


def test_equal_tables_give_equal_bytes_in_whatever_order_they_were_made() -> None:
    one = {"a": REVIEWS, "b": Name(("10.0.0.1",))}
    assert encode(one) == encode(dict(reversed(one.items())))


@given(st.binary(max_size=80))
def test_bytes_of_any_kind_are_a_table_or_an_error_of_ours(raw: bytes) -> None:
    with contextlib.suppress(InvalidNameTableError):
        decode(raw)


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_message_that_ends_early_is_refused(cut: int) -> None:
    with pytest.raises(InvalidNameTableError):
        decode(encode({"reviews": REVIEWS})[:-cut])
