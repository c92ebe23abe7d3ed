from __future__ import annotations

from base64 import b64decode

import pytest

from meltemi.citadel.signers.rotating import pilots_prefix, record_key
from meltemi.config.ledger_keys import config_prefix
from meltemi.ctl.local.accounts import ACCOUNTS, ledger_steps, password
from meltemi.identity.denials import denied_prefix
from meltemi.identity.tls_secret import secrets_prefix
from meltemi.identity.trust import trust_key


def may(name: str, key: str, *, write: bool) -> bool:
    account = ACCOUNTS[name]
    found = account.writes if write else account.writes + account.reads
    return any(key.startswith(each.replace("MESH", "m")) for each in found)


@pytest.mark.parametrize(
    ("key", "readers", "writers"),
    [
        (config_prefix("m") + "a", {"galley", "pilot"}, {"galley"}),
        (secrets_prefix("m") + "a/b", {"galley", "pilot"}, {"galley"}),
        (record_key("m"), {"citadel"}, {"citadel"}),
        (denied_prefix("m") + "x", {"citadel", "pilot"}, {"citadel"}),
        (trust_key("m"), {"citadel", "galley", "pilot"}, {"citadel"}),
        (pilots_prefix("m") + "p", {"galley", "citadel", "pilot"}, {"pilot"}),
        ("/mesh/auth/v1/m/tokens/x", {"galley"}, {"galley"}),
        (config_prefix("other") + "a", set(), set()),
    ],
)
def test_t15_each_service_has_its_own_prefixes_alone(
    key: str, readers: set[str], writers: set[str]
) -> None:
    assert {name for name in ACCOUNTS if may(name, key, write=False)} == readers
    assert {name for name in ACCOUNTS if may(name, key, write=True)} == writers


def test_t14_one_service_rings_for_configuration_and_it_hears_nothing() -> None:
    ringing = [n for n, a in ACCOUNTS.items() if "mesh.cfg.v1.MESH.>" in a.rings]
    assert ringing == ["galley"]
    assert ACCOUNTS["galley"].hears == ()
    assert ACCOUNTS["pilot"].rings == ()


def test_passwords_differ_by_mesh_and_service() -> None:
    made = {password(s, n) for s in ("s", "t") for n in ("galley", "pilot")}
    assert len(made) == 4
    assert password("s", "galley") in made


def test_the_ledger_is_locked_last_and_each_range_ends_behind_its_prefix() -> None:
    steps = list(ledger_steps("s", "m"))
    assert steps[0] == ("role/add", {"name": "root"})
    assert steps[-1] == ("enable", {})
    for path, body in steps:
        if path == "role/grant":
            perm = body["perm"]
            assert isinstance(perm, dict)
            start, end = (b64decode(perm[each]) for each in ("key", "range_end"))
            assert start < start + b"\xff" < end
