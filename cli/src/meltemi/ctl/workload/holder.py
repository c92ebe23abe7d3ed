"""Whom a workload token is for, by its claims: Citadel tells if it is good. Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

import msgspec

from meltemi.ctl.workload.wish import BadWishError

SUBJECT: Final = "system:serviceaccount:"
PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Holder:
    """A service account."""

    namespace: str
    account: str


class _Claims(msgspec.Struct, frozen=True):
    sub: str = ""


def holder_of(token: str) -> Holder:
    """Return whom ``token`` is for.

    Raises:
        BadWishError: If it is no token of a service account. Its text is not quoted.

    Source:
        Kubernetes' service account tokens: ``system:serviceaccount:NS:ACCOUNT``.

    """
    parts = token.split(".")
    try:
        raw = base64.urlsafe_b64decode(parts[1] + "==") if len(parts) == PARTS else b""
        claims = msgspec.json.decode(raw, type=_Claims)
    except (ValueError, msgspec.DecodeError):
        raise BadWishError(
            "the token is no JSON web token: make one with "
            "meltemi token create --ns NAMESPACE --sa ACCOUNT"
        ) from None
    namespace, _, account = claims.sub.removeprefix(SUBJECT).partition(":")
    if not (claims.sub.startswith(SUBJECT) and namespace and account):
        raise BadWishError(
            f"the token's subject is {claims.sub!r}: expected "
            f"{SUBJECT}NAMESPACE:ACCOUNT, as meltemi token create writes it"
        )
    return Holder(namespace, account)
