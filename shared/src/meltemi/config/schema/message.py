"""How every message of the API is spelled in JSON."""

import msgspec


class Message(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """A part of a specification.

    Absent scalars and messages are None, absent lists and maps are empty: protobuf
    tells "absent" from "empty" for messages only. Fields Istio requires have no
    default.
    """
