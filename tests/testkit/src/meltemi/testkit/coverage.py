"""What becomes of every field: shown by taking each away from a golden case.

A field is translated when some proxy holds something else without it, or when it says
something else. Nothing is claimed: every pair is tried.

``python -m meltemi.testkit.coverage`` prints ``docs/coverage.md``.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.canonical import UnreadableObjectError, from_stored, stored
from meltemi.config.decode import read
from meltemi.config.finding import Finding, InvalidConfigError, Severity
from meltemi.config.kinds import KIND_BY_NAME, KINDS
from meltemi.config.rules.check import check
from meltemi.config.rules.effect import effect
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.traffic_policy import PortTrafficPolicy
from meltemi.testkit.field_paths import field_paths
from meltemi.testkit.golden import CASES, FOLDER, held, objects, proxies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.pilot.snapshot import Snapshot

Json = object
MESH_GROUP: Final = "mesh.istio.io"
FOR_PEOPLE: Final = "a name, for people"
FETCHED: Final = "acted on by Galley: `tests/component/galley/test_key_keeper.py`"
STARTED: Final = "told to agents: `tests/component/galley/test_starting.py`"
PROBED: Final = "acted on by the agent: `tests/component/proxy/test_health_watch.py`"
ELSEWHERE: Final = {
    ("Gateway", "spec.servers[].name"): FOR_PEOPLE,
    ("Sidecar", "spec.ingress[].port.name"): FOR_PEOPLE,
    ("Sidecar", "spec.egress[].port.name"): FOR_PEOPLE,
    ("RequestAuthentication", "spec.jwtRules[].jwksUri"): FETCHED,
    ("RequestAuthentication", "spec.jwtRules[].timeout"): FETCHED,
    **{
        ("ProxyConfig", path): STARTED
        for path in field_paths(KIND_BY_NAME["ProxyConfig"])
        if not path.startswith("spec.image")
    },
    **{
        ("WorkloadGroup", path): PROBED
        for path in field_paths(KIND_BY_NAME["WorkloadGroup"])
        if path.startswith("spec.probe") and not path.startswith("spec.probe.exec")
    },
}
"""What no proxy holds, and is not in vain."""
Objects = tuple["Resource[Message]", ...]
PORTS: Final = {"ledger": 27017}
"""The ports of the base's services; the others are at 9080."""


REQUIRED: Final = frozenset(
    {
        ("AuthorizationPolicy", "spec.rules[].when[].key"),
        ("Telemetry", "spec.metrics[].overrides[].tagOverrides{}.operation"),
        ("VirtualService", "spec.tls[].match[].sniHosts[]"),
    }
    | {
        (kind, f"spec.{reference}.{field}")
        for kind in (
            *("AuthorizationPolicy", "EnvoyFilter", "RequestAuthentication"),
            *("Telemetry", "TrafficExtension", "WasmPlugin"),
        )
        for reference in ("targetRef", "targetRefs[]")
        for field in ("group", "kind")
    }
)
"""What the door takes no object of a case without, nor with another value."""


def shown() -> Mapping[tuple[str, str], str]:
    """Return, by kind and field path, a case that shows what the field does."""
    found: dict[tuple[str, str], str] = {}
    for case in CASES:
        name = f"{case.parent.name}/{case.name}"
        for variant in _variants(objects(case)):
            for pair in _shown_by(variant, found):
                found[pair] = name
    return found


def told() -> Mapping[tuple[str, str], str]:
    """Return, by kind and field path, what the door says of fields it knows of."""
    found: dict[tuple[str, str], str] = {}
    for text in (FOLDER / "told" / "in.yaml").read_text().split("\n---\n"):
        kind = next(
            line.removeprefix("kind: ")
            for line in text.splitlines()
            if line.startswith("kind: ")
        )
        for finding in findings(text):
            error = finding.severity is Severity.ERROR
            word = "refused" if error else "warned of"
            path = re.sub(r"\[\d+\]", "[]", finding.path)
            found[kind, path] = f"{word}: {finding.message}"
    return found


def findings(text: str) -> tuple[Finding, ...]:
    """Return what the door has against ``text``."""
    try:
        return read(text.encode(), file="in.yaml", default_namespace="default").warnings
    except InvalidConfigError as error:
        return error.findings


@cache
def outcomes() -> tuple[tuple[str, str, str], ...]:
    """Return the kind, the path and what becomes of every field of Istio's kinds.

    An empty outcome is a gap: nothing happens, and nobody is told.
    """
    tried, said = shown(), told()
    return tuple(
        (kind.name, path, _outcome((kind.name, path), tried, said))
        for kind in KINDS
        if kind.group != MESH_GROUP
        for path in field_paths(kind)
    )


def _outcome(
    pair: tuple[str, str],
    tried: Mapping[tuple[str, str], str],
    said: Mapping[tuple[str, str], str],
) -> str:
    kind, path = pair
    if pair in tried:
        return f"translated: `tests/golden/{tried[pair]}`"
    if any(of == kind and each.startswith(f"{path}.") for of, each in tried):
        return "translated: see the fields below it"
    if pair in ELSEWHERE:
        return ELSEWHERE[pair]
    above = (path[:end] for end in range(len(path), 0, -1))
    why = effect(kind, path)
    here = next((said[kind, each] for each in above if (kind, each) in said), "")
    if here or why:
        return here or f"warned of: {why}"
    return (
        "required: the door takes none without it, or with another"
        if pair in REQUIRED
        else ""
    )


def page() -> str:
    """Return the table for people."""
    rows = outcomes()
    words = (
        "translated",
        "acted on by Galley",
        "told to agents",
        "refused",
        "warned of",
        "required",
        "a name",
    )
    counts = ", ".join(
        f"{sum(outcome.startswith(word) for *_, outcome in rows)} {word}"
        for word in words
    )
    lines = [
        "# What becomes of every field",
        "",
        "Made by `make golden`: each field is taken away from the named golden case,",
        "or made to say something else, and some proxy then holds something else.",
        "What is warned of is named in the answer to a write, and by",
        "`meltemi validate`.",
        f"Of {len(rows)} fields: {counts}.",
        "Second names are read as the first: `mirror_percent` as `mirrorPercent`,",
        "`jwks_uri` as `jwksUri`.",
    ]
    for kind, group in groupby(rows, key=lambda row: row[0]):
        lines += ["", f"## {kind}", "", "| field | what becomes of it |", "|---|---|"]
        lines += [f"| `{path}` | {outcome} |" for _, path, outcome in group]
    return "\n".join(lines) + "\n"


def _shown_by(
    given: Objects, known: Mapping[tuple[str, str], str]
) -> Iterator[tuple[str, str]]:
    whole: dict[str, Snapshot] = {}
    for place, each in enumerate(given):
        plain = json.loads(stored(each))
        for path, words in field_paths(KIND_BY_NAME[each.kind]).items():
            if (each.kind, path) in known:
                continue
            for edit in (*EDITS, *map(_saying, filter(None, words.split("/")))):
                other = _edited(plain, path.split("."), edit)
                changed = _read(other) if other != plain else None
                if changed is None:
                    continue
                others = (*given[:place], changed, *given[place + 1 :])
                if _differs(given, others, whole):
                    yield each.kind, path
                    break


def _differs(given: Objects, others: Objects, whole: dict[str, Snapshot]) -> bool:
    """Tell whether some proxy holds something else; ``whole`` is what was found."""
    for name in proxies():
        if name not in whole:
            whole[name] = held(given, name)
        if held(others, name).versions != whole[name].versions:
            return True
    return False


def _variants(given: Objects) -> Iterator[Objects]:
    """Yield a case, and the same with each traffic policy at every other level."""
    yield given
    for place, each in enumerate(given):
        if isinstance(each.spec, DestinationRule) and not each.spec.subsets:
            for spec in _moved(json.loads(stored(each))["spec"]):
                moved = _read({**json.loads(stored(each)), "spec": spec})
                if moved is not None:
                    routed = _routed(each, each.spec.host) if "subsets" in spec else ()
                    yield (*given[:place], moved, *given[place + 1 :], *routed)


def _moved(spec: dict[str, Json]) -> Iterator[dict[str, Json]]:
    policy = spec.get("trafficPolicy")
    if not isinstance(policy, dict) or "portLevelSettings" in policy:
        return
    name = str(spec["host"]).partition(".")[0]
    fields = {field.encode_name for field in msgspec.structs.fields(PortTrafficPolicy)}
    settings = {key: value for key, value in policy.items() if key in fields}
    port = {"port": {"number": PORTS.get(name, 9080)}, **settings}
    at_port: dict[str, Json] = {"portLevelSettings": [port]} if settings else {}
    yield {**spec, "trafficPolicy": at_port}
    for inner in (policy, at_port):
        subset = {"name": "all", "trafficPolicy": inner}
        yield {"host": spec["host"], "subsets": [subset]}


def _routed(rule: Resource[Message], host: str) -> Objects:
    """Return what sends all of a host's traffic to the subset ``all``."""
    way = {"route": [{"destination": {"host": host, "subset": "all"}}]}
    spec = {"hosts": [host], "http": [way], "tcp": [way]}
    plain = {**json.loads(stored(rule)), "kind": "VirtualService", "spec": spec}
    return tuple(filter(None, (_read(plain),)))


def _read(plain: dict[str, Json]) -> Resource[Message] | None:
    """Return an object; None when the door would refuse it."""
    try:
        found = from_stored(json.dumps(plain).encode())
    except UnreadableObjectError:
        return None
    wrong = any(each.severity is Severity.ERROR for each in check(found))
    return None if wrong else found


def _gone(_: Json) -> Json:
    return GONE


def _longer(value: Json) -> Json:
    """Return another value of the same type; the same where there is none."""
    match value:
        case str():
            return f"{value}x"
        case bool():
            return not value
        case int() | float():
            return value + 1
        case [first, *rest]:
            return [_longer(first), *rest]
        case _:
            return value


def _led(value: Json) -> Json:
    """Return texts with a digit before them: a duration stays one."""
    match value:
        case str():
            return f"1{value}"
        case [first, *rest]:
            return [_led(first), *rest]
        case dict():
            return {name: _led(each) for name, each in value.items()}
        case _:
            return value


def _turned(value: Json) -> Json:
    """Return a map in which every name has another's value."""
    if not isinstance(value, dict):
        return value
    first, *rest = value.values() or (None,)
    return dict(zip(value, (*rest, first), strict=False))


def _saying(word: str) -> Callable[[Json], Json]:
    """Return the edit that makes a field say one word of its enum."""
    return lambda _: word


GONE: Final = object()
EDITS: Final = (_gone, _longer, _led, _turned, _saying("TCP"))
"""What is done to a field to see whether anything depends on it."""


def _edited(
    value: Json, steps: Sequence[str], edit: Callable[[Json], Json]
) -> dict[str, Json]:
    """Return ``value`` with the field at ``steps`` edited, wherever lists repeat it."""
    assert isinstance(value, dict)
    head, *rest = steps
    key = head.removesuffix("[]").removesuffix("{}")
    if key not in value:
        return value
    inner = value[key]
    if not rest:
        made = edit(inner)
        kept = {name: each for name, each in value.items() if name != key}
        return kept if made is GONE else {**kept, key: made}
    made = inner
    if isinstance(inner, list):
        made = [
            _edited(each, rest, edit) if isinstance(each, dict) else each
            for each in inner
        ]
    elif head.endswith("{}") and isinstance(inner, dict):
        made = {name: _edited(each, rest, edit) for name, each in inner.items()}
    elif isinstance(inner, dict):
        made = _edited(inner, rest, edit)
    return {**value, key: made}


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its answer
