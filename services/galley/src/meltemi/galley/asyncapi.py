"""What Galley rings on the doorbell, as an AsyncAPI 3 document. Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from meltemi.config.kinds import KINDS
from meltemi.events.change import Operation
from meltemi.galley.openapi_schemas import TEXT, object_name, record, ref, schemas

if TYPE_CHECKING:
    from meltemi.galley.openapi_schemas import Schema

CHANGES: Final = "mesh.cfg.v1.{mesh}.{plural}.{namespace}.{operation}.{name}"
BEATS: Final = "mesh.beat.v1.{mesh}"
HEADERS: Final = {
    "Nats-Msg-Id": "REVISION/LEDGER-KEY: the same for every relay, so repeats show.",
    "Mesh-Epoch": "The ledger the revisions are of; another one means: list again.",
    "Mesh-Revision": "The revision of this change.",
    "Mesh-Previous": "The revision of the change before: a gap shows.",
    "Mesh-Part": "N/M: a revision with M changes is applied whole.",
    "ce-specversion": "1.0 (CloudEvents, binary mode).",
    "ce-id": "As Nats-Msg-Id.",
    "ce-source": "//MESH/galley",
    "ce-type": "io.meltemi.config.OPERATION.v1",
    "ce-subject": "PLURAL/NAMESPACE/NAME",
    "ce-sequence": "As Mesh-Revision.",
    "ce-datacontenttype": "application/json",
}
SOMETIMES: Final = {
    "Mesh-Uid": "The object's uid.",
    "Mesh-Generation": "Counts changes of its specification.",
    "Mesh-Actor": "Who wrote it.",
    "ce-time": "When (RFC 3339).",
    "traceparent": "The span of this ring, where changes are traced (W3C).",
    "ce-dataref": "The ledger key, instead of a body above 256 KiB: read the object.",
}


@cache
def document(version: str) -> Schema:
    """Return the document of this ``version`` of Galley."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Meltemi Galley", "version": version},
        "defaultContentType": "application/json",
        "channels": {"changes": _changes(), "beats": _beats()},
        "operations": {
            "ringChange": _sending("changes", "Tell of every change, at least once."),
            "beat": _sending("beats", "Tell every second that a relay listens."),
        },
        "components": {"schemas": schemas()},
    }


def _changes() -> Schema:
    return {
        "address": CHANGES,
        "parameters": {
            "mesh": {"default": "default"},
            "plural": {"enum": [kind.plural for kind in KINDS]},
            "namespace": {"description": "_ where there is none."},
            "operation": {"enum": [str(each) for each in Operation]},
            "name": {"description": "Comes last, as it may have dots."},
        },
        "messages": {"change": _change()},
    }


def _change() -> Schema:
    headers = record(
        {name: {**TEXT, "description": told} for name, told in HEADERS.items()},
        **{name: {**TEXT, "description": told} for name, told in SOMETIMES.items()},
    )
    return {
        "name": "change",
        "summary": "The object as it is stored now; no body when it was deleted.",
        "headers": headers,
        "payload": {"anyOf": [ref(object_name(kind)) for kind in KINDS]},
    }


def _beats() -> Schema:
    payload = record(
        {"epoch": TEXT, "head": {"type": "integer", "minimum": 0}, "relay": TEXT}
    )
    beat: Schema = {"name": "beat", "summary": "A relay is alive.", "payload": payload}
    return {
        "address": BEATS,
        "parameters": {"mesh": {"default": "default"}},
        "messages": {"beat": beat},
    }


def _sending(channel: str, told: str) -> Schema:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": told,
    }
