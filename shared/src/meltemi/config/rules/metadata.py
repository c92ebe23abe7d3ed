"""What must hold for the labels and annotations of any object.

Source:
    Kubernetes' k8s.io/apimachinery ``IsQualifiedName`` and ``IsValidLabelValue``, and
    ``ValidateAnnotations`` of its object metadata.

"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.labels import LONGEST, PREFIX, WORD
from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Metadata

LONGEST_PREFIX: Final = 253
ANNOTATIONS_LIMIT: Final = 256 * 1024
"""Bytes of all annotations of an object, keys and values."""
QUICKLY: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""Most keys and values; what it does not match is looked at closely."""
KEY_HINT: Final = "write [DOMAIN/]NAME: letters, digits, '-', '_' and '.' in a name"
VALUE_HINT: Final = "use letters, digits, '-', '_' and '.', or an annotation instead"


def check_metadata(metadata: Metadata) -> Iterator[Finding]:
    """Yield a finding for each label and annotation that Kubernetes would refuse."""
    for key, value in metadata.labels.items():
        path = f'metadata.labels["{key}"]'
        yield from _key(path, key)
        if value and not QUICKLY.fullmatch(value) and not WORD.fullmatch(value):
            message = f"{value!r} is not a label's value"
            if len(value) > LONGEST:
                message = f"a label's value has {len(value)} characters, at most 63"
            yield problem(path, message, VALUE_HINT)
    if metadata.annotations:
        yield from _annotations(metadata.annotations)


def _annotations(annotations: Mapping[str, str]) -> Iterator[Finding]:
    size = 0
    for key, value in annotations.items():
        yield from _key(f'metadata.annotations["{key}"]', key)
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_LIMIT:
        message = f"annotations have {size:,} bytes, the limit is {ANNOTATIONS_LIMIT:,}"
        yield problem("metadata.annotations", message, "keep large things elsewhere")


def _key(path: str, key: str) -> Iterator[Finding]:
    if QUICKLY.fullmatch(key):
        return
    prefix, slash, name = key.rpartition("/")
    if not name or len(name) > LONGEST:
        message = f"the name of {key!r} has {len(name)} characters, not 1 to {LONGEST}"
        yield problem(path, message, KEY_HINT)
    elif not WORD.fullmatch(name):
        yield problem(path, f"{key!r} is not a key: {name!r} is no name", KEY_HINT)
    if slash and (len(prefix) > LONGEST_PREFIX or not PREFIX.fullmatch(prefix)):
        message = f"{key!r} is not a key: {prefix!r} is no domain of at most 253"
        yield problem(path, message, KEY_HINT)
