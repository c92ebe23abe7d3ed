"""What of an EnvoyFilter is for administrators alone, whatever a scope says. Pure.

Who may write EnvoyFilters for its namespace may shape traffic there. It may not take
away the filters that enforce other people's policies, nor have proxies load native
code (threat T2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.schema.envoy_filter import Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.schema.envoy_filter import ConfigPatch, EnvoyFilter

GUARDS: Final = frozenset(
    f"envoy.filters.{layer}.{name}"
    for layer in ("http", "network")
    for name in ("ext_authz", "jwt_authn", "rbac")
)
"""Filters that refuse what policies refuse."""

OPENING: Final = frozenset({Operation.REMOVE, Operation.REPLACE, Operation.MERGE})
NATIVE: Final = "dynamic_modules"
"""What names and types of extensions hold that run machine code of a file."""


def reserved_patches(spec: EnvoyFilter) -> Iterator[str]:
    """Yield, for each patch that is for administrators, where it is and why."""
    for number, each in enumerate(spec.config_patches):
        path = f"spec.configPatches[{number}]"
        operation = each.patch.operation if each.patch else None
        guard = GUARDS.intersection(_targets(each))
        if guard and operation in OPENING:
            yield f"{path} changes {min(guard)}, which enforces policies"
        if each.patch is not None and _is_native(each.patch.value):
            yield f"{path} has proxies load native code"


def _targets(patch: ConfigPatch) -> Iterator[str]:
    """Yield the names of the filters that a patch is for."""
    listener = patch.match.listener if patch.match else None
    chain = listener.filter_chain if listener else None
    found = chain.filter if chain else None
    if found is not None:
        yield found.name or ""
        yield (found.sub_filter.name or "") if found.sub_filter else ""


def _is_native(value: object) -> bool:
    if isinstance(value, dict):
        return any(
            NATIVE in str(key) or _is_native(each) for key, each in value.items()
        )
    if isinstance(value, list | tuple):
        return any(map(_is_native, value))
    return isinstance(value, str) and NATIVE in value
