from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from meltemi.config.canonical import (
    UnreadableObjectError,
    content,
    from_stored,
    specification,
    stored,
)
from meltemi.config.decode import decode
from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.http_route import HTTPRoute
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.config.schema.wasm_plugin import WasmPlugin
from meltemi.config.values import Duration

if TYPE_CHECKING:
    from meltemi.config.schema.message import Message


def virtual_service(
    *, timeout: str = "60s", uid: str = "", revision: str = ""
) -> Resource[Message]:
    return Resource(
        api_version="networking.istio.io/v1beta1",
        kind="VirtualService",
        metadata=Metadata(
            name="a", namespace="default", uid=uid, resource_version=revision
        ),
        spec=VirtualService(
            hosts=("a",), http=(HTTPRoute(timeout=Duration.parse(timeout)),)
        ),
    )


def test_equal_meaning_has_equal_content() -> None:
    one = virtual_service(timeout="1m", uid="1", revision="5")
    other = msgspec.structs.replace(
        virtual_service(timeout="60000ms"), api_version="networking.istio.io/v1"
    )
    assert content(one) == content(other)
    assert content(one) == (
        b'{"apiVersion":"networking.istio.io/v1","kind":"VirtualService",'
        b'"metadata":{"name":"a","namespace":"default"},'
        b'"spec":{"hosts":["a"],"http":[{"timeout":"60s"}]}}'
    )


def test_the_stored_form_keeps_the_servers_metadata_but_not_the_revision() -> None:
    found = from_stored(stored(virtual_service(uid="u-1", revision="5")))
    assert found.metadata.uid == "u-1"
    assert found.metadata.resource_version == ""
    assert found.spec == virtual_service().spec
    assert stored(found) == stored(virtual_service(uid="u-1"))


def test_the_specification_does_not_know_the_labels() -> None:
    assert specification(virtual_service()) == (
        b'{"hosts":["a"],"http":[{"timeout":"60s"}]}'
    )


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{}}',
        b'{"apiVersion":"x","kind":"Gateway","metadata":{"name":"a"},"spec":{"a":1}}',
    ],
)
def test_what_we_did_not_store_is_refused(value: bytes) -> None:
    with pytest.raises(UnreadableObjectError, match="a stored object is unreadable"):
        from_stored(value)


def test_json_whose_form_is_somebody_elses_is_kept_as_it_is() -> None:
    value = {"a": [1, 2.5, None, True, {"b": "c"}], "d": {}}
    document = {
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "WasmPlugin",
        "metadata": {"name": "a"},
        "spec": {"url": "a/b", "pluginConfig": value},
    }
    (found,) = decode(json.dumps(document).encode(), file="f", default_namespace="d")
    assert isinstance(found.spec, WasmPlugin)
    assert found.spec.plugin_config == value
    again = from_stored(stored(found)).spec
    assert again == found.spec
