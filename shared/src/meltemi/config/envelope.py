"""The part every object has: what it is, what it is called, where it belongs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.kinds import KIND_BY_NAME, Kind
from meltemi.config.node import MapNode, Node, Scalar
from meltemi.config.resource import Metadata, Resource
from meltemi.config.shape import Reader, shape_of
from meltemi.config.spelling import did_you_mean
from meltemi.config.values import decode_value

if TYPE_CHECKING:
    from meltemi.config.report import Report
    from meltemi.config.schema.message import Message

FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
"""``status`` is the server's: it may come back in a write, and is not read."""
LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN: Final = re.compile(
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
LONGEST_NAME: Final = 253
NAME_HINT: Final = "use lower-case letters, digits, '-' and '.' (RFC 1123)"
NAMESPACE_HINT: Final = "use lower-case letters, digits and '-' (RFC 1123)"


class WrittenMetadata(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
):
    """Metadata as people write it, or as they got it from the API."""

    name: str
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: str | None = None
    self_link: str | None = None
    managed_fields: tuple[object, ...] | None = None
    """Not read: the server records who writes."""


METADATA: Final = shape_of(WrittenMetadata)


@dataclass(frozen=True, slots=True)
class Written:
    """An object as written: its kind, its metadata and its specification."""

    kind: Kind
    api_version: str
    metadata: WrittenMetadata
    spec: Message

    def resource(self, default_namespace: str) -> Resource[Message]:
        """Return the object, in ``default_namespace`` unless it names one."""
        written = self.metadata
        return Resource(
            api_version=self.api_version,
            kind=self.kind.name,
            metadata=Metadata(
                name=written.name,
                namespace=written.namespace or default_namespace,
                labels=written.labels or {},
                annotations=written.annotations or {},
                uid=written.uid or "",
                resource_version=written.resource_version or "",
                generation=written.generation or 0,
                creation_timestamp=written.creation_timestamp or "",
            ),
            spec=self.spec,
        )


def read_quickly(value: object) -> Written | None:
    """Return the object ``value`` is, or None when there is anything to say of it."""
    if not isinstance(value, dict) or not value.keys() <= FIELDS:
        return None
    kind, api_version = value.get("kind"), value.get("apiVersion")
    known = KIND_BY_NAME.get(kind) if isinstance(kind, str) else None
    if known is None or not isinstance(api_version, str):
        return None
    try:
        metadata = msgspec.convert(value.get("metadata"), type=WrittenMetadata)
        spec = msgspec.convert(value.get("spec"), known.spec, dec_hook=decode_value)
    except msgspec.ValidationError:
        return None
    written = Written(known, api_version, metadata, spec)
    return written if _is_served(known, api_version) and _is_named(metadata) else None


def read_carefully(node: Node, report: Report) -> Written | None:
    """Return the object at ``node``, or None with every reason in ``report``."""
    if not isinstance(node, MapNode):
        message = "expected an object with apiVersion, kind, metadata and spec"
        report.add("WRONG_TYPE", message, node=node)
        return None
    before = len(report.findings)
    kind = _kind(node, report)
    if kind is None:
        return None
    for name, key in node.keys.items():
        if name not in FIELDS:
            hint = did_you_mean(name, FIELDS)
            message = f"unknown field {name!r}"
            report.add("UNKNOWN_FIELD", message, node=key, path=name, hint=hint)
    reader = Reader(report)
    metadata = _metadata(node, reader)
    spec = reader.read(shape_of(kind.spec), _spec(node), "spec")
    if len(report.findings) > before or report.full:
        return None  # a full report takes no more: nothing new proves nothing
    return Written(
        kind,
        _text(node, "apiVersion"),
        msgspec.convert(metadata, type=WrittenMetadata),
        msgspec.convert(spec, kind.spec, dec_hook=decode_value),
    )


def _kind(node: MapNode, report: Report) -> Kind | None:
    """Return the kind that apiVersion and kind name together, if they do."""
    name, api_version = _text(node, "kind"), _text(node, "apiVersion")
    for field, text in (("kind", name), ("apiVersion", api_version)):
        if not text:
            message = f"{field} is required, and a string"
            at = node.values.get(field, node)
            report.add("REQUIRED", message, node=at, path=field)
    kind = KIND_BY_NAME.get(name)
    if name and kind is None:
        known = f"known here: {', '.join(KIND_BY_NAME)}"
        hint = did_you_mean(name, KIND_BY_NAME) or known
        message = f"unknown kind {name!r}"
        at = node.values["kind"]
        report.add("UNKNOWN_KIND", message, node=at, path="kind", hint=hint)
    if kind is None or not api_version:
        return None
    if not _is_served(kind, api_version):
        served = [f"{kind.group}/{version}" for version in kind.versions]
        message = f"{name} is not served as {api_version!r}"
        hint = did_you_mean(api_version, served) or f"write {served[0]}"
        at = node.values["apiVersion"]
        report.add("UNKNOWN_VERSION", message, node=at, path="apiVersion", hint=hint)
    return kind


def _metadata(node: MapNode, reader: Reader) -> object:
    written = node.values.get("metadata")
    if written is None:
        message = "metadata is required"
        reader.report.add("REQUIRED", message, node=node, path="metadata")
        return None
    _check_names(written, reader.report)
    return reader.read(METADATA, written, "metadata")


def _spec(node: MapNode) -> Node:
    spec = node.values.get("spec")
    if spec is None or (isinstance(spec, Scalar) and spec.value is None):
        return MapNode(node.line, node.column)
    return spec


def _text(node: MapNode, name: str) -> str:
    value = node.values.get(name)
    return value.text if isinstance(value, Scalar) and value.value == value.text else ""


def _is_served(kind: Kind, api_version: str) -> bool:
    group, _, version = api_version.partition("/")
    return group == kind.group and version in kind.versions


def _is_named(metadata: WrittenMetadata) -> bool:
    return _is_subdomain(metadata.name) and (
        not metadata.namespace or LABEL.fullmatch(metadata.namespace) is not None
    )


def _is_subdomain(name: str) -> bool:
    return len(name) <= LONGEST_NAME and SUBDOMAIN.fullmatch(name) is not None


def _check_names(metadata: Node, report: Report) -> None:
    if not isinstance(metadata, MapNode):
        return
    name, namespace = _text(metadata, "name"), _text(metadata, "namespace")
    if name and not _is_subdomain(name):
        at = metadata.values["name"]
        message = f"{name!r} is not a name of at most {LONGEST_NAME} characters"
        report.add("NAME", message, node=at, path="metadata.name", hint=NAME_HINT)
    if namespace and not LABEL.fullmatch(namespace):
        at = metadata.values["namespace"]
        message = f"{namespace!r} is not a namespace of at most 63 characters"
        path = "metadata.namespace"
        report.add("NAME", message, node=at, path=path, hint=NAMESPACE_HINT)
