"""Several compose files as the one that they mean together.

Source:
    The Compose Specification, "Merge": maps are joined, lists of these keys put one
    behind the other, and whatever else a later file says replaces an earlier's word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.injector.compose.pod import conditions
from meltemi.injector.compose.tree import tree_of
from meltemi.injector.compose.value import Resolver, Value, Word, written
from meltemi.injector.compose.variable import parts

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTS: Final = frozenset(
    {
        *("ports", "expose", "external_links", "links", "dns", "dns_search", "tmpfs"),
        *(
            "cap_add",
            "cap_drop",
            "devices",
            "volumes",
            "env_file",
            "volumes_from",
            "profiles",
        ),
        *("group_add", "security_opt", "secrets", "configs", "dns_opt"),
    }
)
"""Lists that go on, each item once."""
BY_TARGET: Final = frozenset({"volumes", "devices"})
"""Those in which a later item replaces one with the same place in the container."""
MAPS: Final = frozenset(
    {"environment", "labels", "annotations", "sysctls", "extra_hosts", "args"}
)
"""What may be a list of ``KEY=VALUE`` as well as a map."""


def merged(files: Sequence[tuple[str, str]]) -> str:
    """Return the text of the file that ``files``, by name and text, mean together.

    Raises:
        InvalidConfigError: If one cannot be read.

    """
    whole: dict[str, Value] = {}
    for name, text in files:
        found = Resolver(name).value(tree_of(text, name))
        if isinstance(found, dict):
            whole = _joined(whole, found)
    return "\n".join(written(whole, 0)) + "\n"


def _joined(earlier: dict[str, Value], later: dict[str, Value]) -> dict[str, Value]:
    made = dict(earlier)
    for key, value in later.items():
        made[key] = _value(key, made[key], value) if key in made else value
    return made


def _value(key: str, earlier: Value, later: Value) -> Value:
    if key == "build":
        return _joined(_built(earlier), _built(later))
    if key in MAPS:
        return _joined(_pairs(earlier, key), _pairs(later, key))
    if key == "depends_on":
        return _joined(conditions(earlier), conditions(later))
    if key == "networks":
        return _joined(_named(earlier), _named(later))
    if isinstance(earlier, dict) and isinstance(later, dict):
        return _joined(earlier, later)
    return _behind(key, _list(earlier), _list(later)) if key in LISTS else later


def _behind(key: str, earlier: list[Value], later: list[Value]) -> Value:
    if key not in BY_TARGET:
        return [*earlier, *(each for each in later if each not in earlier)]
    places = {_target(each): each for each in (*earlier, *later)}
    return list(places.values())


def _pairs(value: Value, key: str) -> dict[str, Value]:
    if isinstance(value, dict):
        return value
    made: dict[str, Value] = {}
    for each in _list(value):
        colon = key == "extra_hosts" and "=" not in str(each)
        name, _, rest = str(each).partition(":" if colon else "=")
        made[name] = Word(rest) if "=" in str(each) or colon else Word("", plain=True)
    return made


def _named(value: Value) -> dict[str, Value]:
    if isinstance(value, dict):
        return value
    return {str(each): Word("", plain=True) for each in _list(value)}


def _built(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {"context": value}


def _target(entry: Value) -> str:
    """Return where in the container a volume or a device is."""
    if isinstance(entry, dict):
        return str(entry.get("target", ""))
    found = parts(str(entry))
    return found[1] if len(found) > 1 else found[0]


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]
