"""A compose file in another folder: its relative paths, seen from there.

Source:
    The Compose Specification, and compose-go's ``paths``: which values are paths, and
    that they are seen from the folder of the first file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import warning
from meltemi.injector.compose.value import Value, Word
from meltemi.injector.compose.variable import is_variable, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meltemi.config.finding import Finding

    Change = Callable[[str], str]

ABSOLUTE: Final = re.compile(r"/|~|[A-Za-z]:[\\/]|\\\\")
LOCAL: Final = re.compile(r"\.{1,2}(?:$|[/\\])")
"""What a short volume's source or a folder to build begins with where it is a path."""
NO_FOLDER: Final = re.compile(
    r"[a-z][-a-z0-9+.]*://|git@|github\.com/|(?:target|service):"
)
"""What to build from that is none of this machine's folders."""
SECTIONS: Final = ("configs", "secrets", "volumes", "include")
"""Parts of a file beside its services that hold paths."""


@dataclass(frozen=True, slots=True)
class Way:
    """The way from the new file's folder to where paths are seen from.

    Attributes:
        text: Such as ``../app``; empty: it is the same folder.

    """

    text: str = ""

    def seen(self, path: str) -> str:
        """Return a relative ``path`` as it is seen from the new place."""
        if not self.text or ABSOLUTE.match(path):
            return path
        rest = path.replace("\\", "/") if LOCAL.match(path) else path
        rest = "" if rest == "." else rest.removeprefix("./")
        begun = self.text if self.text.startswith(".") else f"./{self.text}"
        return f"{begun.rstrip('/')}/{rest}".rstrip("/")

    def service(self, service: Mapping[str, Value]) -> dict[str, Value]:
        """Return ``service`` with its paths seen from the new place."""
        made = dict(service)
        if not self.text:
            return made
        for key, change in (
            ("build", self._build),
            ("env_file", self._files),
            ("label_file", self._files),
            ("develop", self._develop),
            ("volumes", self._volumes),
        ):
            if key in made:
                made[key] = change(made[key])
        return made

    def section(self, name: str, value: Value) -> Value:
        """Return one of `SECTIONS` with its paths seen from the new place."""
        if not self.text:
            return value
        if name == "include":
            return _each(value, self._include)
        if not isinstance(value, dict):
            return value
        inner = self._driven if name == "volumes" else self._file
        return {key: inner(each) for key, each in value.items()}

    def _files(self, value: Value) -> Value:
        return _each(value, lambda each: self._at(each, "path"))

    def _file(self, value: Value) -> Value:
        return self._at(value, "file") if isinstance(value, dict) else value

    def _at(self, value: Value, *keys: str) -> Value:
        """Return a path, or a map with those of its ``keys`` that are paths changed."""
        if isinstance(value, Word):
            return _changed(value, self.seen) if value.text else value
        if not isinstance(value, dict):
            return value
        return {
            key: _each(each, self._at) if key in keys else each
            for key, each in value.items()
        }

    def _include(self, value: Value) -> Value:
        return self._at(value, "path", "project_directory", "env_file")

    def _develop(self, value: Value) -> Value:
        if not isinstance(value, dict):
            return value
        watched = _each(value.get("watch", []), lambda each: self._at(each, "path"))
        return {**value, "watch": watched}

    def _build(self, value: Value) -> Value:
        if isinstance(value, Word):
            return self._folder(value)
        if not isinstance(value, dict):
            return value
        made = {"context": value.get("context", Word(".")), **value}
        made["context"] = self._folder(made["context"])
        others = made.get("additional_contexts")
        if isinstance(others, dict):
            made["additional_contexts"] = {
                k: self._folder(v) for k, v in others.items()
            }
        return made

    def _folder(self, value: Value) -> Value:
        if not isinstance(value, Word) or NO_FOLDER.match(value.text):
            return value
        return _changed(value, self.seen)

    def _volumes(self, value: Value) -> Value:
        return _each(value, self._mount)

    def _mount(self, value: Value) -> Value:
        if isinstance(value, dict):
            is_bind = str(value.get("type", "")) == "bind"
            return self._at(value, "source") if is_bind else value
        source, *rest = parts(str(value))
        if not isinstance(value, Word) or not rest or not LOCAL.match(source):
            return value
        return _changed(value, lambda _: ":".join((self.seen(source), *rest)))

    def _driven(self, value: Value) -> Value:
        """Return a named volume, which may be a folder in disguise."""
        options = value.get("driver_opts") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(options, dict):
            return value
        if "bind" not in str(options.get("o", "")):
            return value
        return {**value, "driver_opts": self._at(options, "device")}


def unknown(service: Mapping[str, Value], way: Way) -> Iterator[Finding]:
    """Yield a warning for each volume whose source may be a relative path."""
    listed = service.get("volumes") if way.text else None
    for index, each in enumerate(listed if isinstance(listed, list) else []):
        source = each.get("source", "") if isinstance(each, dict) else str(each)
        first, *_ = parts(str(source))
        if first.startswith("$") and is_variable(first):
            message = f"{first!r} may be a path, which is seen from another folder now"
            hint = "give the variable an absolute path, or write the file beside"
            yield warning(f"volumes[{index}]", message, hint, code="RELATIVE")


def _each(value: Value, change: Callable[[Value], Value]) -> Value:
    return (
        [change(each) for each in value] if isinstance(value, list) else change(value)
    )


def _changed(word: Word, change: Change) -> Word:
    text = change(word.text)
    return word if text == word.text else replace(Word(text), at=word.at)
