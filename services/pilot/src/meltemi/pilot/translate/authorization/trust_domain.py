"""Principals of trust domains that mean the same mesh.

Source: pilot/pkg/security/trustdomain/bundle.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOCAL = "cluster.local"
"""What policies may call the mesh's own trust domain, whatever it is called."""
PARTS = 5
"""Of ``DOMAIN/ns/NAMESPACE/sa/ACCOUNT``."""


def with_aliases(principals: Iterable[str], domains: Sequence[str]) -> tuple[str, ...]:
    """Return the principals, each in every trust domain that means the same.

    Args:
        principals: Without scheme; other spellings than an account's stay as they are.
        domains: The mesh's trust domain, then its aliases.

    """
    found: list[str] = []
    for principal in principals:
        domain, _, rest = principal.partition("/")
        named = principal.count("/") == PARTS - 1 and domain != "*"
        ours = domain == LOCAL or any(_alike(domain, each) for each in domains)
        if not (named and ours and domains):
            found.append(principal)
            continue
        spelled = (
            principal if _ends(each, domain) else f"{each}/{rest}" for each in domains
        )
        found.extend(dict.fromkeys(spelled))
    return tuple(found)


def _alike(one: str, other: str) -> bool:
    return (
        one == other
        or _begins(one, other)
        or _begins(other, one)
        or _either(one, other)
    )


def _either(one: str, other: str) -> bool:
    return _ends(one, other) or _ends(other, one)


def _begins(text: str, pattern: str) -> bool:
    return pattern.endswith("*") and text.startswith(pattern[:-1])


def _ends(text: str, pattern: str) -> bool:
    return pattern.startswith("*") and text.endswith(pattern[1:])
