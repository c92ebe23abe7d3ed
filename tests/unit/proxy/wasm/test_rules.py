from __future__ import annotations

import pytest

from meltemi.proxy.wasm.rules import ModuleRules
from meltemi.runtime.guarded_fetch import FetchRefusedError, Guard


def test_t20_modules_come_from_the_servers_that_are_named() -> None:
    rules = ModuleRules(Guard(), ("r.example", "*.images.example"))
    rules.check_server("R.example")
    rules.check_server("eu.images.example")
    for host in ("evil.example", "images.example", "xr.example", "r.example.evil"):
        with pytest.raises(FetchRefusedError, match="not among the servers"):
            rules.check_server(host)
    ModuleRules(Guard()).check_server("anywhere.example")
