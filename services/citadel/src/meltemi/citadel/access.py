"""What the bearers of limited tokens may do in the administration. No I/O.

::

    - name: ci
      sha256: 5e884898da28047151d0e56f8dc62927…   # of the token; it stands nowhere
      scopes: [ca:tokens, ca:read]

The administrators' own token may do everything.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import StrEnum
from typing import Annotated

import msgspec

from meltemi.kernel.errors import Blame, MeshError

DIGEST = re.compile(r"[0-9a-f]{64}")


class Scope(StrEnum):
    """One kind of thing to do."""

    READ = "ca:read"
    """See tokens (not their text), certificates, entries and denials."""
    TOKENS = "ca:tokens"
    """Make and revoke workload tokens, but for the control plane's own accounts."""
    CONTROL_PLANE = "ca:control-plane"
    """Likewise for those: whoever has one may pass for a Pilot or a Galley."""
    ENTRIES = "ca:entries"
    """Write registration entries."""
    REVOKE = "ca:revoke"
    """Deny certificates and identities."""
    ROTATE = "ca:rotate"
    """Change whom the mesh believes: needed for nothing but roots."""


class InvalidAccessError(MeshError):
    """The list of limited tokens does not say what it must."""

    code = "citadel.invalid-access"
    blame = Blame.CALLER


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token, by its digest, and what it is good for."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    sha256: str
    scopes: Annotated[frozenset[Scope], msgspec.Meta(min_length=1)]

    def fits(self, token: str) -> bool:
        """Tell whether it is for ``token``, in time that tells nothing."""
        shown = hashlib.sha256(token.encode()).hexdigest()
        return hmac.compare_digest(shown, self.sha256)


def parse_access(data: bytes) -> tuple[Grant, ...]:
    """Return what a list of limited tokens (YAML or JSON) says.

    Raises:
        InvalidAccessError: Saying what is wrong, and where.

    """
    try:
        found = msgspec.yaml.decode(data, type=tuple[Grant, ...])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidAccessError(str(error)) from error
    for each in found:
        if not DIGEST.fullmatch(each.sha256):
            raise InvalidAccessError(
                f"{each.name}: sha256 must be 64 hexadecimal digits, as of "
                "printf %s TOKEN | sha256sum"
            )
    if len({each.name for each in found}) < len(found):
        raise InvalidAccessError("a name stands twice")
    return found
