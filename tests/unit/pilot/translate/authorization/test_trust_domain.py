from __future__ import annotations

import pytest

from meltemi.pilot.translate.authorization.trust_domain import with_aliases

ACCOUNT = "ns/shop/sa/james"


@pytest.mark.parametrize(
    ("principal", "found"),
    [
        (f"new/{ACCOUNT}", [f"new/{ACCOUNT}", f"old-td/{ACCOUNT}"]),
        (f"old-td/{ACCOUNT}", [f"new/{ACCOUNT}", f"old-td/{ACCOUNT}"]),
        (f"cluster.local/{ACCOUNT}", [f"new/{ACCOUNT}", f"old-td/{ACCOUNT}"]),
        (f"*-td/{ACCOUNT}", [f"new/{ACCOUNT}", f"*-td/{ACCOUNT}"]),
        (f"other/{ACCOUNT}", [f"other/{ACCOUNT}"]),
        (f"*/{ACCOUNT}", [f"*/{ACCOUNT}"]),
        ("*", ["*"]),
        ("new/sa/james", ["new/sa/james"]),
    ],
)
def test_the_meshs_own_domains_stand_for_each_other(
    principal: str, found: list[str]
) -> None:
    assert list(with_aliases([principal], ["new", "old-td"])) == found


def test_nothing_is_lost_where_no_domain_is_known() -> None:
    assert with_aliases([f"cluster.local/{ACCOUNT}"], []) == (
        f"cluster.local/{ACCOUNT}",
    )
