"""What the values of a policy are compared by.

Source: pilot/pkg/security/authz/matcher: a star at one end stands for anything, a star
alone for anything that is there.
"""

from __future__ import annotations

import re
from ipaddress import ip_interface

from meltemi.pilot.ir import rbac

SOMETHING = rbac.Text(rbac.Compare.REGEX, ".+")
SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


def quoted(text: str) -> str:
    """Return a regex that matches ``text`` itself, spelled as Go's QuoteMeta does."""
    return SPECIAL.sub(r"\\\g<0>", text)


def text(value: str) -> rbac.Text:
    """Return the comparison that a value of a policy means."""
    if value == "*":
        return SOMETHING
    return _starred(value)


def header(name: str, value: str, *, ignore_case: bool = False) -> rbac.Header:
    """Return the comparison of a header; ``*`` asks that it is there."""
    if value == "*":
        return rbac.Header(name, rbac.Text(rbac.Compare.PRESENT))
    return rbac.Header(name, _starred(value, ignore_case=ignore_case))


def block(value: str) -> rbac.Block:
    """Return the range of an address or of ``ADDRESS/LENGTH``, as it is spelled."""
    interface = ip_interface(value)
    return rbac.Block(str(interface.ip), interface.network.prefixlen)


def identity(value: str) -> rbac.Text:
    """Return the comparison of a SPIFFE id with a principal, which lacks the scheme."""
    if value == "*":
        return SOMETHING
    if value.startswith("*"):
        return rbac.Text(rbac.Compare.REGEX, f"spiffe://.*{quoted(value[1:])}")
    return _starred(f"spiffe://{value}")


def of_namespace(value: str) -> rbac.Text:
    """Return the comparison of a SPIFFE id with a namespace."""
    namespace = quoted(value).replace(r"\*", ".*")
    return rbac.Text(rbac.Compare.REGEX, f".*/ns/{namespace}/.*")


def of_account(value: str, home: str) -> rbac.Text:
    """Return the comparison with ``[NAMESPACE/]ACCOUNT``, by default of ``home``."""
    namespace, _, account = value.rpartition("/")
    pattern = (
        f"spiffe://.+/ns/{quoted(namespace or home)}/(.+/|)sa/{quoted(account)}(/.+)?"
    )
    return rbac.Text(rbac.Compare.REGEX, pattern)


def of_trust_domain(value: str) -> rbac.Text:
    """Return the comparison of a SPIFFE id with a trust domain."""
    if value == "*":
        return rbac.Text(rbac.Compare.PREFIX, "spiffe://")
    if "*" not in value:
        return rbac.Text(rbac.Compare.PREFIX, f"spiffe://{value}/")
    domain = quoted(value).replace(r"\*", "[^/]*")
    return rbac.Text(rbac.Compare.REGEX, f"spiffe://{domain}/.*")


def _starred(value: str, *, ignore_case: bool = False) -> rbac.Text:
    if value.startswith("*"):
        return rbac.Text(rbac.Compare.SUFFIX, value[1:], ignore_case)
    if value.endswith("*"):
        return rbac.Text(rbac.Compare.PREFIX, value[:-1], ignore_case)
    return rbac.Text(rbac.Compare.EXACT, value, ignore_case)
