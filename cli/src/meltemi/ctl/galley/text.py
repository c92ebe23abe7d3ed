"""Reading what a user wants applied: a file, a folder, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from meltemi.config.decode import objects_in, resource_at
from meltemi.config.finding import Finding, InvalidConfigError, Source
from meltemi.config.node import plain_value
from meltemi.config.report import Report
from meltemi.config.schema.envoy_filter import EnvoyFilter
from meltemi.ctl.output import DEFAULT_NAMESPACE
from meltemi.galley.door import decode
from meltemi.galley.envoy_values import check_values
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

SUFFIXES = {".yaml", ".yml", ".json"}
STANDARD_INPUT = "-"
APPLY_ORDER = ("ServiceEntry", "WorkloadEntry", "DestinationRule", "Gateway")
"""What others refer to is written first, so that nothing points into the void."""
NOWHERE = Source("", 0, 0, 0)


class UnreadableInputError(MeshError):
    """A file cannot be read, or a folder holds none to read."""

    code = "input.unreadable"
    blame = Blame.CALLER


def read_all(
    names: Sequence[str], *, namespace: str, recursive: bool = False
) -> list[Resource[Message]]:
    """Return every object in ``names``, in the order to write them.

    Objects that say no namespace are of ``namespace``, or else of the default one; none
    may say another than it. Folders in folders are read only if ``recursive``.

    Raises:
        InvalidConfigError: With the problems of all texts, so that one look is enough.
        UnreadableInputError: If a file cannot be read.

    """
    found: list[Resource[Message]] = []
    problems: list[Finding] = []
    for name, data in texts(names, recursive=recursive):
        try:
            home = namespace or DEFAULT_NAMESPACE
            some = decode(data, file=name, default_namespace=home)
            found += some
            if namespace and any(each.metadata.namespace != namespace for each in some):
                problems += _strangers(data, name, namespace)
        except InvalidConfigError as error:
            problems += error.findings
    if problems:
        raise InvalidConfigError(problems)
    return sorted(found, key=_place)


def read_each(
    names: Sequence[str], *, namespace: str, recursive: bool = False
) -> tuple[list[Resource[Message]], list[Finding]]:
    """Return the valid objects in ``names``, in the order to write them, and the rest.

    Unlike with `read_all` an object that is invalid leaves the others of its text.

    Raises:
        UnreadableInputError: If a file cannot be read.

    """
    found: list[Resource[Message]] = []
    problems: list[Finding] = []
    for name, data in texts(names, recursive=recursive):
        home = namespace or DEFAULT_NAMESPACE
        try:
            some = list(decode(data, file=name, default_namespace=home))
        except InvalidConfigError as error:
            some, reasons = _apart(data, name, home)
            problems += reasons or error.findings
            some = some if reasons else []
        if namespace:
            problems += _strangers(data, name, namespace)
        found += [each for each in some if namespace in ("", each.metadata.namespace)]
    return sorted(found, key=_place), problems


def _apart(
    data: bytes, file: str, namespace: str
) -> tuple[list[Resource[Message]], list[Finding]]:
    """Return the valid objects of a text, and what is wrong with the others."""
    found: list[Resource[Message]] = []
    problems: list[Finding] = []
    whole = Report(file)
    for node in objects_in(data, whole):
        if any(each.source.document == whole.document for each in whole.findings):
            continue  # its form is broken: nobody knows what was meant
        alone = Report(file, whole.document)
        resource = resource_at(node, namespace, alone)
        if resource is not None and isinstance(resource.spec, EnvoyFilter):
            for finding in check_values(resource.spec):
                alone.add_within(node, finding)
        if resource is not None and not alone.findings:
            found.append(resource)
        problems += alone.findings
    return found, [*whole.findings, *problems]


def _strangers(data: bytes, file: str, namespace: str) -> Sequence[Finding]:
    """Return where objects of ``data`` say another namespace than ``namespace``."""
    report = Report(file)
    for node in objects_in(data, report):
        value = plain_value(node)
        metadata = value.get("metadata") if isinstance(value, dict) else None
        said = metadata.get("namespace") if isinstance(metadata, dict) else None
        if said and said != namespace:
            message = f"the object is of namespace {said}, and -n says {namespace}"
            hint = f"leave out -n, or say -n {said}"
            path = "metadata.namespace"
            report.add_within(node, Finding("NAMESPACE", message, path, NOWHERE, hint))
    return report.findings


def _place(resource: Resource[Message]) -> int:
    kinds = APPLY_ORDER
    return kinds.index(resource.kind) if resource.kind in kinds else len(kinds)


def texts(
    names: Sequence[str], *, recursive: bool = False
) -> Iterator[tuple[str, bytes]]:
    """Yield what each file, folder or ``-`` holds, with its name.

    Raises:
        UnreadableInputError: If a file cannot be read.

    """
    for name in names:
        if name == STANDARD_INPUT:
            yield "stdin", sys.stdin.buffer.read()
            continue
        for path in _files(Path(name), recursive=recursive):
            try:
                yield str(path), path.read_bytes()
            except OSError as error:
                raise UnreadableInputError(f"{path}: {error.strerror}") from None


def _files(path: Path, *, recursive: bool) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = path.rglob("*") if recursive else path.iterdir()
    found = sorted(each for each in inside if each.suffix in SUFFIXES)
    if not found:
        more = "" if recursive else ": with -R folders in it are read, too"
        raise UnreadableInputError(f"{path} holds no .yaml, .yml or .json file{more}")
    return found
