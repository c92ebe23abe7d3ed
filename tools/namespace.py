"""Check that ``meltemi`` is a namespace: an ``__init__.py`` would hide its members."""

from __future__ import annotations

import sys
from importlib.util import find_spec

if __name__ == "__main__":
    spec = find_spec("meltemi")
    if spec is None or spec.origin is not None:
        sys.exit(f"meltemi must have no __init__.py; found {spec and spec.origin}")
    members = list(spec.submodule_search_locations or ())
    print(f"meltemi is a namespace over {len(members)} members")
