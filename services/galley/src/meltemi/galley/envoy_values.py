"""An EnvoyFilter's values against Envoy's own types. Pure.

Envoy's messages are imported when the first EnvoyFilter comes, not before: that takes
a quarter of a second. Of a type or a field that this version does not know only a
warning is given, as Envoy may be newer.

Source:
    Istio's ValidateEnvoyFilter: what does not parse is an error, what is unknown to
    the strict parser a warning (pkg/config/validation/envoyfilter).
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import import_module, resources
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem, warning
from meltemi.config.schema.envoy_filter import ApplyTo, Operation
from meltemi.config.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.descriptor import Descriptor, FieldDescriptor

    from meltemi.config.finding import Finding
    from meltemi.config.schema.envoy_filter import EnvoyFilter

LISTENER: Final = "envoy.config.listener.v3"
ROUTE: Final = "envoy.config.route.v3"
MANAGER: Final = "envoy.extensions.filters.network.http_connection_manager.v3"
TYPES: Final[Mapping[ApplyTo, str]] = {
    ApplyTo.LISTENER: f"{LISTENER}.Listener",
    ApplyTo.FILTER_CHAIN: f"{LISTENER}.FilterChain",
    ApplyTo.NETWORK_FILTER: f"{LISTENER}.Filter",
    ApplyTo.LISTENER_FILTER: f"{LISTENER}.ListenerFilter",
    ApplyTo.HTTP_FILTER: f"{MANAGER}.HttpFilter",
    ApplyTo.ROUTE_CONFIGURATION: f"{ROUTE}.RouteConfiguration",
    ApplyTo.VIRTUAL_HOST: f"{ROUTE}.VirtualHost",
    ApplyTo.HTTP_ROUTE: f"{ROUTE}.Route",
    ApplyTo.CLUSTER: "envoy.config.cluster.v3.Cluster",
    ApplyTo.EXTENSION_CONFIG: "envoy.config.core.v3.TypedExtensionConfig",
    ApplyTo.BOOTSTRAP: "envoy.config.bootstrap.v3.Bootstrap",
}
ANY: Final = "google.protobuf.Any"
TYPE: Final = "@type"
PREFIX: Final = "type.googleapis.com/"
TYPED_STRUCTS: Final = frozenset(
    {"xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"}
)
PACKAGE: Final = re.compile(r"(envoy|xds|udpa|google)(\.[a-z][a-z0-9_]*)+")
NEWER: Final = "if your Envoy is newer it may know it"


def check_values(spec: EnvoyFilter) -> Iterator[Finding]:
    """Yield what Envoy would not read in the values of ``spec``."""
    for number, each in enumerate(spec.config_patches):
        change, target = each.patch, TYPES.get(each.apply_to or ApplyTo.INVALID)
        if change is None or change.value is None or target is None:
            continue
        if change.operation is Operation.REMOVE:
            continue
        descriptor = _descriptor(target)
        if descriptor is not None:
            path = f"spec.configPatches[{number}].patch.value"
            yield from _message(change.value, descriptor, path)


def _message(value: object, descriptor: Descriptor, path: str) -> Iterator[Finding]:
    if descriptor.full_name == ANY:
        yield from _any(value, path)
        return
    if descriptor.full_name.startswith("google.protobuf."):
        yield from _parsed(value, descriptor, path)
        return
    if not isinstance(value, dict):
        yield problem(path, f"expected a {descriptor.name}, found {_shown(value)}")
        return
    fields = {
        name: field
        for field in descriptor.fields
        for name in (field.name, field.json_name)
    }
    for name, inner in value.items():
        field = fields.get(name)
        here = _within(path, name)
        if field is None:
            hint = did_you_mean(name, fields) or NEWER
            yield warning(here, f"{descriptor.full_name} has no field {name!r}", hint)
        elif inner is not None:
            yield from _field(inner, field, here)


def _field(value: object, field: FieldDescriptor, path: str) -> Iterator[Finding]:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        entry = kind.fields_by_name["value"]
        if not isinstance(value, dict):
            yield problem(path, f"expected a map, found {_shown(value)}")
            return
        for name, inner in value.items():
            yield from _single(inner, entry, _within(path, name))
    elif field.is_repeated:
        if not isinstance(value, list | tuple):
            yield problem(path, f"expected a list, found {_shown(value)}")
            return
        for number, inner in enumerate(value):
            yield from _single(inner, field, f"{path}[{number}]")
    else:
        yield from _single(value, field, path)


def _single(value: object, field: FieldDescriptor, path: str) -> Iterator[Finding]:
    if field.message_type is not None:
        yield from _message(value, field.message_type, path)
        return
    wrong = _scalar(value, field)
    if wrong:
        yield problem(path, wrong)


def _any(value: object, path: str) -> Iterator[Finding]:
    """Yield what is wrong with a message that says its own type."""
    if not isinstance(value, dict):
        yield problem(path, f"expected a typed message, found {_shown(value)}")
        return
    if not value:
        return
    url = value.get(TYPE)
    if not isinstance(url, str) or not url.rpartition("/")[2]:
        yield problem(path, f"{TYPE} is required", f"{TYPE}: {PREFIX}envoy.…")
        return
    name = url.rpartition("/")[2]
    descriptor = _descriptor(name)
    if descriptor is None:
        here = _within(path, TYPE)
        yield warning(here, f"{name} is no type that this version knows", NEWER)
        return
    inner = {key: each for key, each in value.items() if key != TYPE}
    if descriptor.full_name.startswith("google.protobuf."):
        inner = inner.get("value", {})
    yield from _message(inner, descriptor, path)
    if name in TYPED_STRUCTS:
        yield from _typed_struct(inner, path)


def _typed_struct(value: object, path: str) -> Iterator[Finding]:
    """Yield what is wrong with a message that is written as a Struct of its type."""
    if not isinstance(value, dict):
        return
    url = value.get("type_url", value.get("typeUrl", ""))
    descriptor = _descriptor(str(url).rpartition("/")[2])
    if descriptor is not None and isinstance(value.get("value"), dict):
        yield from _message(value["value"], descriptor, f"{path}.value")


def _scalar(value: object, field: FieldDescriptor) -> str:
    """Return what is wrong with the value of a field that is no message, or ''."""
    from google.protobuf.json_format import ParseDict, ParseError  # noqa: PLC0415
    from google.protobuf.message_factory import GetMessageClass  # noqa: PLC0415

    if field.containing_type is None:
        return ""
    holder = GetMessageClass(field.containing_type)()
    try:
        ParseDict({field.json_name: [value] if field.is_repeated else value}, holder)
    except ParseError as error:
        return _reason(error)
    return ""


def _parsed(value: object, descriptor: Descriptor, path: str) -> Iterator[Finding]:
    """Yield whether a message of Google's own, which has a form of its own, reads."""
    from google.protobuf.json_format import Parse, ParseError  # noqa: PLC0415
    from google.protobuf.message_factory import GetMessageClass  # noqa: PLC0415

    try:
        Parse(json.dumps(value), GetMessageClass(descriptor)())
    except (ParseError, TypeError, AttributeError, ValueError) as error:
        yield problem(path, _reason(error) or f"is no {descriptor.name}")


def _reason(error: Exception) -> str:
    """Return the innermost of what protobuf says, without its own paths."""
    text = str(error).rpartition(" field: ")[2].partition("\n")[0]
    return re.sub(r" at [\w.\[\]]+\.?$", "", text)


@cache
def _descriptor(name: str) -> Descriptor | None:
    """Return the message called ``name``; None where this version has none."""
    from google.protobuf.descriptor_pool import Default  # noqa: PLC0415

    package = name.rpartition(".")[0]
    if not PACKAGE.fullmatch(package):
        return None
    try:
        for file in resources.files(package).iterdir():
            if file.name.endswith("_pb2.py"):
                import_module(f"{package}.{file.name.removesuffix('.py')}")
        return Default().FindMessageTypeByName(name)
    except (ImportError, KeyError):
        return None


def _within(path: str, name: str) -> str:
    plain = re.fullmatch(r"\w+", name)
    return f"{path}.{name}" if plain else f'{path}["{name}"]'


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 40 else f"{text[:40]}…")  # noqa: PLR2004 - a line
