"""The API's own description: one OpenAPI 3.1 document for every kind. Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from meltemi.config.kinds import KINDS
from meltemi.galley.openapi_schemas import (
    ANY_MAP,
    TEXT,
    Schema,
    listed,
    object_name,
    record,
    ref,
    schemas,
)
from meltemi.galley.patch import MERGE, STEPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.config.kinds import Kind

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROBLEM: Final = "application/problem+json"
NAME: Final[Schema] = {
    "type": "string",
    "maxLength": 253,
    "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
}
NUMBER: Final[Schema] = {"type": "integer", "minimum": 0}
FLAG: Final[Schema] = {"type": "boolean"}


@cache
def document(version: str) -> Schema:
    """Return the document of this ``version`` of Galley."""
    paths: dict[str, Schema] = {}
    for kind in KINDS:
        paths |= _kind(kind)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Meltemi Galley",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{}, {"bearer": []}],
        "paths": paths | _views(),
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _query(name: str, schema: Schema, told: str) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": told}


def _header(name: str, told: str) -> Schema:
    return {"name": name, "in": "header", "schema": TEXT, "description": told}


def _path(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


DRY_RUN: Final = _query(
    "dryRun", {"type": "string", "enum": ["All"]}, "Check, and write nothing."
)
REASON: Final = _header("Meltemi-Reason", "Why: kept in the history and the audit.")
IF_MATCH: Final = _header("If-Match", "The ETag the object must have, or *.")
IF_NONE_MATCH: Final = _header("If-None-Match", "The ETag it must not have, or *.")
LABELS: Final = _query("labelSelector", TEXT, "a=b, a!=b, a in (b,c), a, !a, …")
FIELDS: Final = _query("fieldSelector", TEXT, "metadata.name, spec.hosts, …")
REVISION: Final = _query("revision", {"type": "integer", "minimum": 1}, "Of etcd.")
WRITE: Final = (DRY_RUN, REASON, IF_MATCH, IF_NONE_MATCH)


def _content(schema: Schema, *media: str) -> Schema:
    return {each: {"schema": schema} for each in media or (JSON,)}


def _operation(
    name: str,
    told: str,
    answers: dict[int, Schema],
    parameters: Sequence[Schema] = (),
    body: Schema | None = None,
) -> Schema:
    responses: dict[str, object] = {
        str(status): {
            "description": "as asked",
            **({"content": _content(schema)} if schema else {}),
        }
        for status, schema in answers.items()
    }
    refusal = _content(ref("Problem"), PROBLEM)
    responses["default"] = {"description": "refused", "content": refusal}
    made: Schema = {"operationId": name, "summary": told, "responses": responses}
    if parameters:
        made["parameters"] = list(parameters)
    if body is not None:
        made["requestBody"] = {"required": True, "content": body}
    return made


def _kind(kind: Kind) -> dict[str, Schema]:
    """Return the paths of one kind."""
    versions: Schema = {"type": "string", "enum": list(kind.versions)}
    version, namespace = _path("version", versions), _path("namespace", NAME)
    name = _path("name", NAME)
    everywhere = f"/apis/{kind.group}/{{version}}/{kind.plural}"
    here = f"/apis/{kind.group}/{{version}}/namespaces/{{namespace}}/{kind.plural}"
    one = here + "/{name}"
    found: dict[str, Schema] = {
        everywhere: {
            "parameters": [version],
            "get": _listing(kind, f"list{kind.name}InAllNamespaces"),
        },
        here: {"parameters": [version, namespace], **_collection(kind)},
        one: {"parameters": [version, namespace, name], **_object(kind)},
    }
    for path, operations in _about(kind).items():
        found[one + path] = {"parameters": [version, namespace, name], **operations}
    return found


def _listing(kind: Kind, name: str) -> Schema:
    parameters = (
        LABELS,
        FIELDS,
        _query("limit", NUMBER, "Objects in a page; 0 for all."),
        _query("continue", TEXT, "What the page before ended with."),
        _query("watch", FLAG, "Stream changes: a JSON object a line."),
        _query(
            "resourceVersion",
            TEXT,
            "In a watch: where to start behind. 410: it is no longer in the history: "
            "list again. 400: the ledger is not that far.",
        ),
        _query("timeoutSeconds", NUMBER, "In a watch: when to end it."),
    )
    told = f"List objects of {kind.name}, or watch them"
    return _operation(name, told, {200: ref(f"{kind.name}List")}, parameters)


def _collection(kind: Kind) -> Schema:
    name, whole = kind.name, ref(object_name(kind))
    body = _content(whole, JSON, YAML)
    return {
        "get": _listing(kind, f"list{name}"),
        "post": _operation(
            f"create{name}", "Create an object", {201: whole}, WRITE, body
        ),
        "delete": _operation(
            f"deleteMany{name}",
            "Delete all objects, or those selected",
            {200: ref("Removed")},
            (LABELS, FIELDS, DRY_RUN, REASON),
        ),
    }


def _object(kind: Kind) -> Schema:
    name, whole = kind.name, ref(object_name(kind))
    either = {200: whole, 201: whole}
    changes = {**_content(ANY_MAP, MERGE), **_content(ref("JsonPatch"), STEPS)}
    return {
        "get": _operation(
            f"read{name}", "Read an object", {200: whole, 304: {}}, (IF_NONE_MATCH,)
        ),
        "put": _operation(
            f"replace{name}",
            "Create or replace an object",
            either,
            WRITE,
            _content(whole, JSON, YAML),
        ),
        "patch": _operation(
            f"patch{name}", "Change a part of an object", {200: whole}, WRITE, changes
        ),
        "delete": _operation(
            f"delete{name}", "Delete an object", {200: ref("Removed")}, WRITE
        ),
    }


def _about(kind: Kind) -> dict[str, Schema]:
    name, whole = kind.name, ref(object_name(kind))
    versions = record({"items": listed(ref("Version"))})
    needed = {**REVISION, "required": True}
    return {
        "/distribution": {
            "get": _operation(
                f"read{name}Distribution",
                "Tell which proxies hold the object",
                {200: ref("Distribution")},
                (REVISION,),
            )
        },
        "/history": {
            "get": _operation(
                f"read{name}History", "Tell its last versions", {200: versions}
            )
        },
        "/rollback": {
            "post": _operation(
                f"rollBack{name}",
                "Write a former version again",
                {200: whole, 201: whole},
                (needed, *WRITE),
            )
        },
    }


def _views() -> dict[str, Schema]:
    atomic = _query("atomic", FLAG, "All or nothing, in one transaction.")
    namespace = _query("namespace", NAME, "Of objects that name none.")
    batch = _operation(
        "writeBatch",
        "Write up to 128 objects",
        {200: record({"items": listed(ANY_MAP)}, metadata=ANY_MAP)},
        (atomic, namespace, DRY_RUN, REASON),
        {**_content(listed(ref("BatchItem"))), **_content(ANY_MAP, YAML)},
    )
    return {
        "/apis": {
            "get": _operation(
                "listKinds",
                "List the kinds that are served",
                {200: record({"kinds": listed(ANY_MAP)})},
            )
        },
        "/api/v1/proxies": {
            "get": _operation(
                "listProxies", "List proxies", {200: listed(ref("ProxyRow"))}
            )
        },
        "/api/v1/batch": {"post": batch},
        "/api/v1/sources": {
            "get": _operation(
                "listSources",
                "Tell how the folder stands that is kept in force",
                {200: record({"items": listed(ref("Sourced"))})},
            )
        },
        **_traffic(),
        **_joining(),
        **_starting(),
        **_administration(),
        **_secrets(),
    }


def _traffic() -> dict[str, Schema]:
    window = _query("window", TEXT, "From 5s to 15m; 1m unless said.")
    told, answers = "Tell what passed between workloads", {200: ref("Traffic")}
    return {"/api/v1/stats": {"get": _operation("readStats", told, answers, [window])}}


def _joining() -> dict[str, Schema]:
    told = "Tell where workloads join, and whom they shall believe there"
    answers = {200: ref("Invitation")}
    return {"/api/v1/joining": {"get": _operation("readJoining", told, answers)}}


def _starting() -> dict[str, Schema]:
    told = "Tell what the proxy of a workload starts with"
    words = record({"below": ANY_MAP, "above": ANY_MAP, "sources": listed(TEXT)})
    labels = _query("labels", TEXT, "The workload's: NAME=VALUE,….")
    operation = _operation("readStarting", told, {200: words}, [labels])
    return {
        "/api/v1/starting/{namespace}": {
            "parameters": [_path("namespace", NAME)],
            "get": operation,
        }
    }


def _secrets() -> dict[str, Schema]:
    wish = record(
        {"certificate": TEXT, "key": TEXT},
        ca=TEXT,
        allowedNamespaces={"type": "array", "items": NAME},
    )
    found = record({"items": listed(ANY_MAP)})
    return {
        "/api/v1/secrets": {
            "get": _operation("listSecrets", "List TLS secrets", {200: found})
        },
        "/api/v1/secrets/{namespace}/{name}": {
            "parameters": [_path("namespace", NAME), _path("name", NAME)],
            "put": _operation(
                "putSecret",
                "Keep a certificate and its key: they are never shown again",
                {200: ANY_MAP},
                (),
                _content(wish),
            ),
            "delete": _operation("deleteSecret", "Forget a secret", {204: {}}),
        },
    }


def _administration() -> dict[str, Schema]:
    tokens = record({"items": listed(ref("Token"))})
    limit = _query("limit", {"type": "integer", "minimum": 1}, "Newest first.")
    wanted = [
        _query(name, TEXT, "Only these.")
        for name in ("actor", "verb", "outcome", "target")
    ]
    return {
        "/api/v1/tokens": {
            "get": _operation("listTokens", "List tokens", {200: tokens}),
            "post": _operation(
                "createToken",
                "Create a token of limited scope: its text is shown once",
                {201: ref("Token")},
                (),
                _content(ref("Wish")),
            ),
        },
        "/api/v1/tokens/{id}": {
            "parameters": [_path("id", TEXT)],
            "delete": _operation("revokeToken", "Revoke a token", {204: {}}),
        },
        "/api/v1/audit": {
            "get": _operation(
                "readAudit",
                "Read who wrote what",
                {200: record({"items": listed(ref("Record"))})},
                [limit, *wanted],
            )
        },
    }
