"""How every message of the API is spelled in JSON."""

from typing import ClassVar

import msgspec


class Message(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
):
    """A part of a specification.

    It comes from a text and is frozen, so it is part of no circle: the collector of
    circles, which stops a process that holds thousands of objects, passes it over.

    Absent scalars and messages are None, absent lists and maps are empty: protobuf
    tells "absent" from "empty" for messages only. Fields Istio requires have no
    default.
    """


class OneOf(Message, frozen=True, kw_only=True):
    """A message in which some fields exclude each other.

    Source:
        The ``oneof`` of a proto: its JSON form refuses two members of one.

    """

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of attributes of which at most one may be set."""

    def __post_init__(self) -> None:
        """Refuse two members of a group, naming them as JSON does."""
        for group in self.ONE_OF:
            present = [name for name in group if getattr(self, name) is not None]
            if len(present) > 1:
                names = {f.name: f.encode_name for f in msgspec.structs.fields(self)}
                listed = " and ".join(names[name] for name in present)
                raise ValueError(f"only one may be set: {listed}")
