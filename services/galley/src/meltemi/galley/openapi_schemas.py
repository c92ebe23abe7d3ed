"""The schemas of the API's document: made from the types themselves. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from meltemi.config.kinds import KINDS
from meltemi.config.resource import Metadata
from meltemi.config.values import Duration
from meltemi.galley.audit import Record
from meltemi.galley.batch import ItemPreconditions
from meltemi.galley.distribution import Distribution, ProxyRow
from meltemi.galley.folder import Sourced
from meltemi.galley.presentation import Status
from meltemi.galley.tokens import Wish
from meltemi.galley.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.kinds import Kind

Schema: TypeAlias = "dict[str, object]"

TYPES: Final = (
    Metadata,
    Status,
    Distribution,
    ProxyRow,
    Record,
    Sourced,
    Wish,
    ItemPreconditions,
    Traffic,
)
TEXT: Final[Schema] = {"type": "string"}
ANY_MAP: Final[Schema] = {"type": "object"}


def ref(name: str) -> Schema:
    """Return a reference to the schema ``name``."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    """Return an object's schema."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
    }


def listed(item: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def schemas() -> dict[str, Schema]:
    """Return every schema by its name."""
    types = [*(kind.spec for kind in KINDS), *TYPES]
    _, made = msgspec.json.schema_components(
        types, schema_hook=_scalar, ref_template="#/components/schemas/{name}"
    )
    found: dict[str, Schema] = dict(made)
    for kind in KINDS:
        found[object_name(kind)] = _object(kind)
        found[f"{kind.name}List"] = _list(kind)
    return found | _ours()


def object_name(kind: Kind) -> str:
    """Return what the schema of a whole object is called."""
    return f"{kind.name}Object"


def _scalar(kind: type) -> Schema:
    if kind is object:
        return {"description": "Any JSON: the form is somebody else's."}
    if kind is not Duration:
        raise TypeError(f"no schema says what a {kind.__name__} is")
    told = "A duration as Go spells it: 500ms, 10s, 1h30m."
    return {"type": "string", "description": told, "examples": ["10s"]}


def _versions(kind: Kind) -> Schema:
    served = [f"{kind.group}/{version}" for version in kind.versions]
    return {"type": "string", "enum": served}


def _object(kind: Kind) -> Schema:
    fields: dict[str, Schema] = {
        "apiVersion": _versions(kind),
        "kind": {"const": kind.name},
        "metadata": ref("Metadata"),
        "spec": ref(kind.name),
    }
    return {
        **record(fields, status=ref("Status")),
        "additionalProperties": False,
    }


def _list(kind: Kind) -> Schema:
    metadata = record(
        {"resourceVersion": TEXT},
        **{"continue": TEXT, "remainingItemCount": {"type": "integer", "minimum": 0}},
    )
    return record(
        {
            "apiVersion": _versions(kind),
            "kind": {"const": f"{kind.name}List"},
            "metadata": metadata,
            "items": listed(ref(object_name(kind))),
        }
    )


def _ours() -> dict[str, Schema]:
    finding = record(
        dict.fromkeys(("code", "severity", "pointer", "path", "detail"), TEXT),
        source=ANY_MAP,
        hint=TEXT,
    )
    problem = record(
        {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            "code": TEXT,
            "detail": TEXT,
            "instance": TEXT,
        },
        errors=listed(ref("Finding")),
    )
    removed = record(
        {"apiVersion": TEXT, "kind": {"const": "Status"}, "status": TEXT},
        metadata=ANY_MAP,
        details=ANY_MAP,
        warnings=listed(ref("Warned")),
    )
    token = record(
        dict.fromkeys(("id", "name", "created", "createdBy", "expires"), TEXT),
        scopes=listed(ref("Scope")),
        token=TEXT,
    )
    return {
        "Finding": finding,
        "Problem": problem,
        "Version": _version(),
        "Removed": removed,
        "Token": token,
        "Invitation": _invitation(),
        "JsonPatch": listed(_operation()),
        "BatchItem": _item(),
    }


def _invitation() -> Schema:
    names = ("trustDomain", "citadelBootstrap", "citadelRenewal")
    many = dict.fromkeys(("pilots", "roots"), listed(TEXT))
    return record({**dict.fromkeys(names, TEXT), **many})


def _version() -> Schema:
    names = ("revision", "previous", "operation", "actor", "time", "reason")
    whole: Schema = {"anyOf": [ANY_MAP, {"type": "null"}]}
    return record({**dict.fromkeys(names, TEXT), "object": whole})


def _operation() -> Schema:
    words = ["add", "remove", "replace", "move", "copy", "test"]
    operation: Schema = {"type": "string", "enum": words}
    fields = {"op": operation, "path": TEXT}
    return record(fields, value={}, **{"from": TEXT})


def _item() -> Schema:
    operations: Schema = {"type": "string", "enum": ["apply", "create", "delete"]}
    whole = [ref(object_name(kind)) for kind in KINDS]
    envelope = record(
        {"object": ANY_MAP},
        operation=operations,
        preconditions=ref("ItemPreconditions"),
    )
    return {"anyOf": [*whole, {**envelope, "additionalProperties": False}]}
