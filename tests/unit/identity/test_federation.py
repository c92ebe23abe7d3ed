from __future__ import annotations

from meltemi.identity.certificate import certificate_pem
from meltemi.identity.federation import NOBODY, Anchor, Federation
from meltemi.identity.trust import TrustBundle
from meltemi.testkit.authority import authority

MINE, OTHER, THEIRS = (
    certificate_pem(authority(each).certificate) for each in ("a", "b", "c")
)
BESIDE = Federation(
    ("cluster.local", "old.example"),
    (Anchor("old.example", (OTHER,)), Anchor("partner.example", (THEIRS,))),
)


def test_who_speaks_for_us_and_who_for_others_is_told_apart() -> None:
    assert BESIDE.added == (OTHER,)
    assert [each.trust_domain for each in BESIDE.foreign] == ["partner.example"]
    assert BESIDE.foreign[0].certificates == (authority("c").certificate,)


def test_it_travels_beside_the_bundle_which_older_agents_read_alone() -> None:
    bundle = TrustBundle((MINE,))
    assert TrustBundle.from_wire(bundle.to_wire(BESIDE)) == (bundle, BESIDE)
    assert bundle.to_wire(NOBODY) == bundle.to_wire()
    assert bundle.to_wire(BESIDE).startswith(bundle.to_wire())


def test_the_version_is_the_contents_and_nothing_has_none() -> None:
    assert NOBODY.version == ""
    fewer = Federation(BESIDE.own, BESIDE.anchors[:1])
    assert len({BESIDE.version, fewer.version}) == 2
