"""Changes of a text that can be taken back to the byte.

A line that goes becomes a comment, lines that come stand between two marks, and a line
of the user's own that looks like either becomes a comment, too::

    #meltemi-     ports: ["80:80"]
        # >>> meltemi
        network_mode: service:web-pod
        # <<< meltemi
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

BEGIN: Final = "# >>> meltemi"
BEGIN_UNENDED: Final = "# >>> meltemi (the line above had no end)"
END: Final = "# <<< meltemi"
GONE: Final = "#meltemi-"
BEFORE: Final = "# the file before:"
"""What the line begins with that says what the text was."""
SPACE: Final = " \r"
"""What may surround a mark: some editor may have given every line another end."""


@dataclass(slots=True)
class Edit:
    """What is to change; lines count from 0.

    Attributes:
        gone: The lines that go.
        come: Behind which line which lines come, without their ends; at -1: before all.

    """

    gone: set[int] = field(default_factory=set[int])
    come: dict[int, list[str]] = field(default_factory=dict[int, list[str]])

    def remove(self, first: int, last: int) -> None:
        """Let the lines from ``first`` to ``last`` go."""
        self.gone.update(range(first, last + 1))

    def insert(self, line: int, lines: list[str]) -> None:
        """Let ``lines`` come behind ``line``."""
        if lines:
            self.come.setdefault(line, []).extend(lines)

    def applied(self, text: str) -> str:
        """Return the changed text."""
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        lines = text.removeprefix(mark).split("\n")
        ended = lines[-1] == ""
        if ended:
            lines.pop()
        made = list(_region(self.come.get(-1, []), ended=True))
        for number, line in enumerate(lines):
            is_gone = number in self.gone or _is_mark(line)
            made.append(GONE + line if is_gone else line)
            is_end = number == len(lines) - 1
            come = self.come.get(number, [])
            made += _region(come, ended=ended or not is_end)
            if is_end and (ended or come):
                made.append("")
        return mark + "\n".join(made)


def _region(lines: list[str], *, ended: bool) -> list[str]:
    if not lines:
        return []
    room = " " * (len(lines[0]) - len(lines[0].lstrip(" ")))
    begin = BEGIN if ended else BEGIN_UNENDED
    return [room + begin, *lines, room + END]


def _is_mark(line: str) -> bool:
    """Tell whether a line of the user's own could be taken for one of ours."""
    word = line.strip(SPACE)
    return word in (BEGIN, BEGIN_UNENDED, END) or line.startswith((GONE, BEFORE))


def undone(text: str) -> str:
    """Return the text before it was changed."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    made: list[str] = []
    inside = False
    unended = False
    for line in text.removeprefix(mark).split("\n"):
        word = line.strip(SPACE)
        if word in (BEGIN, BEGIN_UNENDED):
            inside, unended = True, unended or word == BEGIN_UNENDED
        elif inside:
            inside = word != END
        else:
            made.append(line.removeprefix(GONE))
    if unended and made[-1] == "":
        made.pop()
    return mark + "\n".join(made)
