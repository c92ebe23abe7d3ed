"""Small pieces of Envoy's messages."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Value
from xds.type.v3.typed_struct_pb2 import TypedStruct

from meltemi.pilot.emit.wire import typed_struct, written

JSON = {
    "text": "ü" * 200,
    "none": "",
    "yes": True,
    "no": False,
    "number": 4000,
    "half": 0.5,
    "many": [{"name": "a", "of": ["b", 1, False]}, "c" * 20_000, []],
    "nothing": {},
}


def test_json_is_written_as_protobuf_reads_it() -> None:
    made = typed_struct("envoy.some.Config", JSON)
    assert isinstance(made, TypedStruct)
    assert made.type_url == "type.googleapis.com/envoy.some.Config"
    assert MessageToDict(made)["value"] == JSON


def test_what_was_written_is_used_again() -> None:
    part = written(JSON)
    made = Value.FromString(written([part, part])).list_value
    assert [MessageToDict(each) for each in made.values] == [JSON, JSON]


def test_what_is_no_json_is_not_written() -> None:
    with pytest.raises(TypeError, match="is no JSON"):
        written({"a": object()})
