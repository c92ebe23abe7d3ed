from __future__ import annotations

import json

import pytest

from meltemi.config.schema.mesh_config import AccessLogEncoding
from meltemi.config.schema.mesh_config import MeshConfig as MeshDocument
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.translate.telemetry.log_format import (
    JSON,
    TEXT,
    file_log,
    labels,
    line,
)


def config(form: str, encoding: AccessLogEncoding) -> MeshConfig:
    document = MeshDocument(access_log_format=form, access_log_encoding=encoding)
    return MeshConfig(document)


def test_a_line_ends_and_without_a_format_is_istios() -> None:
    assert line("") == TEXT
    assert line("%PROTOCOL%") == "%PROTOCOL%\n"
    assert line("%PROTOCOL%\n") == "%PROTOCOL%\n"


def test_meshconfig_says_how_a_file_is_written() -> None:
    text = file_log(config("%PROTOCOL%", AccessLogEncoding.TEXT), "/log")
    assert (text.path, text.text) == ("/log", "%PROTOCOL%\n")
    fields = file_log(config('{"a": {"b": 1}}', AccessLogEncoding.JSON), "/log").fields
    assert fields == (("a", '{"b": 1}'),)


@pytest.mark.parametrize("form", ["", "{", "[]", "{}"])
def test_what_is_no_object_of_fields_gives_istios(form: str) -> None:
    made = file_log(config(form, AccessLogEncoding.JSON), "/log")
    assert dict(made.fields).keys() == JSON.keys()


def test_no_labels_are_istios() -> None:
    assert {name: json.loads(value) for name, value in labels({})} == JSON
