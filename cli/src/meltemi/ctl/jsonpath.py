"""JSONPath as kubectl has it: ``{.metadata.name}``, ``{range .items[*]}…{end}``. Pure.

::

    template = (text | "{" expression "}")*
    expression = path | '"text"' | "range" path | "end"
    path = ("." name | "['" name "']" | "[n]" | "[a:b]" | "[*]" | ".*"
            | ".." name | "[?(@path == value)]")*
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PART = re.compile(r"""\{((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^{}"'])*)\}|([^{}]+)""")
"""An expression in braces, or text."""
STEP = re.compile(
    r"""\[\?\(@(?P<left>[^=!]*?)\s*(?:(?P<compare>==|!=)\s*(?P<right>"[^"]*"|'[^']*'|[^)\s]+)\s*)?\)\]
    |\[(?P<quoted>'[^']*'|"[^"]*")\]
    |\[(?P<start>-?\d*)(?P<colon>:)(?P<stop>-?\d*)\]
    |\[(?P<index>-?\d+)\]
    |(?P<all>\[\*\]|\.\*)
    |\.\.(?P<anywhere>[^.\[\]]+)
    |\.?(?P<name>(?:\\.|[^.\[\]\\])+)""",
    re.VERBOSE,
)


class JsonPathError(MeshError):
    """A template that cannot be read."""

    code = "usage.jsonpath"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Path:
    """Where in a document: each step as it was written, taken apart."""

    steps: tuple[re.Match[str], ...]

    def of(self, value: Any) -> list[Any]:  # noqa: ANN401 - JSON
        """Return what stands there in ``value``, in its order."""
        found = [value]
        for step in self.steps:
            found = [each for one in found for each in _taken(step, one)]
        return found


@dataclass(frozen=True, slots=True)
class Range:
    """What is said for everything that stands somewhere."""

    path: Path
    parts: tuple[str | Path | Range, ...]


Part = str | Path | Range


def filled(template: str, value: Any) -> str:  # noqa: ANN401 - JSON
    """Return ``template`` with what stands in ``value`` where its paths lead to.

    Without braces the whole of it is one path.

    Raises:
        JsonPathError: If it cannot be read.

    """
    return "".join(_said(parts_of(template), value))


def parts_of(template: str) -> tuple[Part, ...]:
    """Return the texts and paths of ``template``.

    Raises:
        JsonPathError: If it cannot be read.

    """
    text = template if "{" in template else f"{{{template}}}"
    matches = list(PART.finditer(text))
    if sum(len(match[0]) for match in matches) != len(text):
        raise JsonPathError(f"{template!r} has braces that do not pair: {{.path}}")
    words = iter([match[2] if match[1] is None else (match[1],) for match in matches])
    parts, ended = _parts(words)
    if ended:
        raise JsonPathError(f"{template!r} has an {{end}} without a {{range PATH}}")
    return parts


def _parts(words: Iterator[str | tuple[str]]) -> tuple[tuple[Part, ...], bool]:
    """Return parts up to an ``{end}``, and whether there was one."""
    found: list[Part] = []
    for word in words:
        if isinstance(word, str):
            found.append(word)
            continue
        expression = word[0].strip()
        if expression == "end":
            return tuple(found), True
        if expression.startswith("range "):
            within, ended = _parts(words)
            if not ended:
                raise JsonPathError(f"{{{expression}}} has no {{end}}")
            found.append(Range(_path(expression[6:].strip()), within))
        elif expression[:1] in ("'", '"'):
            found.append(_text(expression))
        else:
            found.append(_path(expression))
    return tuple(found), False


def _text(quoted: str) -> str:
    try:
        return str(json.loads(f'"{quoted[1:-1]}"'))
    except ValueError:
        raise JsonPathError(f"{quoted} is no text: escapes are those of JSON") from None


def _path(text: str) -> Path:
    at, steps = 1 if text[:1] in ("$", "@") else 0, []
    while at < len(text) and text[at:] != ".":
        step = STEP.match(text, at)
        if step is None:
            raise JsonPathError(f"{text!r} stops to be a path at {text[at:]!r}")
        steps.append(step)
        at = step.end()
    return Path(tuple(steps))


def _taken(step: re.Match[str], value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Return what one step leads to: nothing where the document has none."""
    if step["left"] is not None:
        return [each for each in _children(value) if _fits(step, each)]
    if step["all"]:
        return _children(value)
    if step["anywhere"]:
        return [
            each for one in _inside(value) for each in _named(one, step["anywhere"])
        ]
    if step["index"] or step["colon"]:
        return _numbered(step, value)
    quoted = step["quoted"]
    name = quoted[1:-1] if quoted else re.sub(r"\\(.)", r"\1", step["name"])
    return _named(value, name)


def _named(value: Any, name: str) -> list[Any]:  # noqa: ANN401 - JSON
    return [value[name]] if isinstance(value, dict) and name in value else []


def _numbered(step: re.Match[str], value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    if not isinstance(value, list):
        return []
    if step["colon"]:
        start, stop = (
            int(step[end]) if step[end] else None for end in ("start", "stop")
        )
        return value[start:stop]
    number = int(step["index"])
    return [value[number]] if -len(value) <= number < len(value) else []


def _children(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _inside(value: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
    yield value
    for each in _children(value):
        yield from _inside(each)


def _fits(step: re.Match[str], value: Any) -> bool:  # noqa: ANN401 - JSON
    found = _path(step["left"]).of(value)
    if not step["compare"]:
        return bool(found)
    right = step["right"]
    wanted = right[1:-1] if right[:1] in ("'", '"') else right
    equal = [shown(each) for each in found] == [wanted]
    return equal == (step["compare"] == "==")


def _said(parts: Sequence[Part], value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    for part in parts:
        match part:
            case str():
                yield part
            case Path():
                yield " ".join(shown(each) for each in part.of(value))
            case Range():
                for each in part.path.of(value):
                    yield from _said(part.parts, each)


def shown(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return a value as text: strings bare, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
