"""Something an analyzer has to say, with Istio's code and wording.

People search the web for these codes, so they and the templates are Istio's
(pkg/config/analysis/msg/messages.yaml).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    ERROR = "Error"
    WARNING = "Warning"
    INFO = "Info"


@dataclass(frozen=True, slots=True)
class Message:
    """One of Istio's messages: what it is called, and how it reads."""

    code: str
    level: Level
    template: str


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What a remark is about: an object, Istio's or Kubernetes'."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


@dataclass(frozen=True, slots=True)
class Remark:
    """A message about one object, and the field it is about."""

    message: Message
    subject: Subject
    text: str
    path: str = ""


def remark(
    message: Message, subject: Subject, *arguments: object, path: str = ""
) -> Remark:
    """Return ``message`` about ``subject``; ``arguments`` fill its template."""
    return Remark(message, subject, message.template % arguments, path)


def quoted(text: object) -> str:
    """Return ``text`` as Go's ``%q`` prints it."""
    inner = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


def listed(words: object) -> str:
    """Return words as Go's ``%v`` prints a slice of strings: ``[a b]``."""
    found = words if isinstance(words, list | tuple) else [words]
    return f"[{' '.join(str(each) for each in found)}]"
