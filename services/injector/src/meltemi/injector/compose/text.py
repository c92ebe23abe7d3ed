"""A compose file's text with sidecars in it, and without them again.

What nobody needs to change stays as it was written: comments, order, anchors. Where
that cannot be (a file in braces, a service that is an alias) the part is written anew,
and what stood there stays in the file as a comment.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeAlias

from meltemi.config.finding import InvalidConfigError
from meltemi.injector.compose.edit import BEFORE, BEGIN, Edit, undone
from meltemi.injector.compose.project import SERVICES, project_of, services_of
from meltemi.injector.compose.relocation import SECTIONS
from meltemi.injector.compose.tree import (
    OURS,
    Alias,
    Mapping,
    Scalar,
    Sequence,
    refused,
    tree_of,
)
from meltemi.injector.compose.value import (
    MERGE,
    Resolver,
    Services,
    Value,
    value_of,
    written,
)
from meltemi.kernel.digest import content_version

if TYPE_CHECKING:
    from meltemi.injector.compose.project import Project, Wish
    from meltemi.injector.compose.tree import Node

SEEN_FROM: Final = "seen from"
DIGEST: Final = re.compile(
    rf'^{BEFORE} ([0-9a-f]{{32}})(?: {SEEN_FROM} (".*"))?\r?$', re.MULTILINE
)
NETWORKS: Final = "networks"
VOLUMES: Final = "volumes"
Sections: TypeAlias = "dict[str, tuple[Value | None, Value]]"
"""Parts of a file beside its services, before and after."""


def is_injected(text: str) -> bool:
    """Tell whether ``text`` is what `injected` makes."""
    return DIGEST.search(text) is not None and BEGIN in text


def origin(text: str) -> str:
    """Return the way from the injected ``text`` to where its original's paths begin.

    It is empty where both are in one folder.
    """
    found = DIGEST.search(text)
    return str(json.loads(found[2])) if found and found[2] else ""


def original(text: str) -> tuple[str, bool]:
    """Return the text before sidecars, and whether it is byte for byte what it was.

    It is not where somebody changed the injected file: their changes stay.
    """
    found = DIGEST.search(text)
    if found is None or BEGIN not in text:
        return text, True
    before = undone(text)
    return before, content_version(before.encode()) == found[1]


def injected(text: str, file: str, wish: Wish) -> tuple[str, Project]:
    """Return the compose file ``text`` with sidecars, and what was decided.

    What `injected` made before is replaced.

    Raises:
        InvalidConfigError: If it cannot be read, or holds what cannot be.

    """
    text, _ = original(text)
    root = tree_of(text, file)
    project = project_of(root, file, wish)
    sections = _sections(root, project, wish, file)
    edit = None if root.flow else _careful(root, project, sections)
    if edit is None or not _says(edit, text, project, sections):
        edit = _whole(root, project, sections, file)
    mark = f"{BEFORE} {content_version(text.encode())}"
    seen = f" {SEEN_FROM} {json.dumps(wish.way.text)}" if wish.way.text else ""
    edit.insert(root.last, [mark + seen])
    return edit.applied(text), project


def _sections(root: Mapping, project: Project, wish: Wish, file: str) -> Sections:
    """Return the parts of the file beside its services as they shall be."""
    found: Sections = {}
    resolver = Resolver(file)
    for key, node in root.entries:
        if key.text in SECTIONS or key.text == NETWORKS:
            value = resolver.value(node)
            made = wish.way.section(key.text, value) if key.text in SECTIONS else value
            found[key.text] = (value, made)
    network, instances = wish.site.network, [each for each, _ in project.instances]
    if network and instances:
        _add(found, NETWORKS, _external(network))
    states: dict[str, Value] = {each.state: {} for each in instances}
    for key, _ in _entries(root, VOLUMES):
        if key.text in states:
            message = f"the volume {key.text!r} would be a proxy's, too"
            raise refused(file, (key.first, key.column), "CLASH", message, "rename it")
    if states:
        _add(found, VOLUMES, states)
    return found


def _entries(root: Mapping, name: str) -> list[tuple[Scalar, Node]]:
    node = root.find(name)
    return node.entries if isinstance(node, Mapping) else []


def _add(sections: Sections, name: str, more: dict[str, Value]) -> None:
    """Add what is not there yet to the part ``name``."""
    before, made = sections.get(name, (None, {}))
    known = made if isinstance(made, dict) else {}
    sections[name] = (before, {**more, **known})


def _says(edit: Edit, text: str, project: Project, sections: Sections) -> bool:
    """Tell whether the text that ``edit`` makes says what it shall."""
    try:
        root = tree_of(edit.applied(text), "", OURS)
        if services_of(root, "", OURS) != project.made:
            return False
        found = {name: root.find(name) for name in sections}
        resolver = Resolver("", OURS)
        return all(
            node is not None and resolver.value(node) == sections[name][1]
            for name, node in found.items()
        )
    except InvalidConfigError:
        return False  # an anchor went with its line, say


def _whole(root: Mapping, project: Project, sections: Sections, file: str) -> Edit:
    """Return the edit that writes everything anew."""
    value = Resolver(file).value(root)
    if not isinstance(value, dict):
        raise TypeError("a compose file is a map")
    services: dict[str, Value] = {}
    services.update(project.made)
    made = {**value, SERVICES: services}
    made |= {name: wanted for name, (_, wanted) in sections.items()}
    edit = Edit()
    edit.remove(root.first, root.last)
    edit.insert(root.last, list(written(made, 0)))
    return edit


def _external(network: str) -> dict[str, Value]:
    return {network: value_of({"name": network, "external": True})}


def _careful(root: Mapping, project: Project, sections: Sections) -> Edit | None:
    """Return the edit that leaves alone what can stay; None where that is nothing."""
    services = root.find(SERVICES)
    if not isinstance(services, Mapping) or services.flow or root.indent:
        return None
    edit = Edit()
    for key, node in services.entries:
        after = project.after.get(key.text)
        if after is None:
            return None  # services are merged into the map of services
        _edit_service(edit, (key, node), after, (services, project.before[key.text]))
    for name, (before, after_) in sections.items():
        if before != after_:
            _edit_section(edit, root, name, (before, after_))
    return edit


def _edit_service(
    edit: Edit,
    at: tuple[Scalar, Node],
    after: Services,
    around: tuple[Mapping, dict[str, Value]],
) -> None:
    key, node = at
    services, before = around
    others: dict[str, Value] = {}
    others.update({name: each for name, each in after.items() if name != key.text})
    own, last = after.get(key.text), max(key.last, node.last)
    if own is not None and isinstance(node, Mapping) and not node.flow:
        _edit_map(edit, node, own, around)
    elif own != before or _leans(node, services):
        edit.remove(key.first, last)
        others.clear()
        others.update(after)
    edit.insert(last, list(written(others, services.indent)))


def _edit_map(
    edit: Edit,
    node: Mapping,
    after: dict[str, Value],
    around: tuple[Mapping, dict[str, Value]],
) -> None:
    services, before = around
    own = {key.text for key, _ in node.entries if not _is_merge(key)}
    merged = [below for key, below in node.entries if _is_merge(key)]
    lost = [key for key in before if key not in own and key not in after]
    apart = bool(lost) or any(_leans(each, services) for each in merged)
    for key, below in node.entries:
        goes = apart if _is_merge(key) else after.get(key.text) != before[key.text]
        if goes:
            edit.remove(key.first, max(key.last, below.last))
    come = {
        key: each
        for key, each in after.items()
        if before.get(key) != each or (apart and key not in own)
    }
    edit.insert(node.last, list(written(come, node.indent)))


def _is_merge(key: Scalar) -> bool:
    return key.text == MERGE and key.plain


def _leans(node: Node, services: Mapping) -> bool:
    """Tell whether an alias in ``node`` leads to a service, which may have changed."""
    match node:
        case Alias():
            return services.first <= node.target.first <= services.last
        case Sequence():
            return any(_leans(each, services) for each in node.items)
        case Mapping():
            return any(_leans(each, services) for _, each in node.entries)
        case Scalar():
            return False


def _edit_section(
    edit: Edit, root: Mapping, name: str, of: tuple[Value | None, Value]
) -> None:
    """Have the part ``name`` of the file, which was the first of ``of``, be the second.

    What is only added to a map in block style stands behind what is there.
    """
    before, after = of
    for key, node in root.entries:
        if key.text != name:
            continue
        known = before if isinstance(before, dict) else {}
        grown = after if isinstance(after, dict) and {**after, **known} == after else {}
        if grown and isinstance(node, Mapping) and not node.flow:
            more = {k: v for k, v in grown.items() if k not in known}
            edit.insert(node.last, list(written(more, node.indent)))
            return
        edit.remove(key.first, max(key.last, node.last))
    edit.insert(root.last, list(written({name: after}, 0)))
