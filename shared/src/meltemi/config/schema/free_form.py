"""Values whose form is somebody else's: an Envoy message, a plug-in's settings."""

from collections.abc import Mapping
from typing import TypeAlias

FreeForm: TypeAlias = Mapping[str, object]
"""JSON as it was written: strings, numbers, booleans, nulls, lists and maps.

Source:
    google.protobuf.Struct.
"""
