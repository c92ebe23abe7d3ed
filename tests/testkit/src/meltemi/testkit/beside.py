"""Something that is done again and again beside a test, in a thread of its own."""

from __future__ import annotations

import threading
from typing import Self


class Beside:
    """Works while the context lasts: `work` returns soon after ``enough`` is set."""

    def __init__(self) -> None:
        self.enough = threading.Event()
        self._thread = threading.Thread(target=self.work)

    def work(self) -> None:
        """Do it until it is enough."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        self._thread.join()
