from __future__ import annotations

import pytest

from meltemi.galley.access import InvalidAccessError, parse_access
from meltemi.kernel.identity import SpiffeId

SCOPES = "scopes: [{verbs: [read], kinds: [vs], namespaces: [a]}]"
TEXT = f"""\
certificates:
- identity: spiffe://cluster.local/ns/ci/sa/deployer
  {SCOPES}
issuers:
- issuer: https://login
  audiences: [meltemi]
  jwksFile: /keys
  grants:
  - {{claim: groups, value: team-a, {SCOPES}}}
  - {{claim: scope, value: mesh, {SCOPES}}}
  - {{claim: realm.roles, value: admin, {SCOPES}}}
  - {{claim: "https://ns/team", value: a, {SCOPES}}}
"""


def test_scopes_are_bound_to_identities_in_tokens_own_words() -> None:
    access = parse_access(TEXT.encode())
    (scope,) = access.of_certificate(
        SpiffeId.parse("spiffe://cluster.local/ns/ci/sa/deployer")
    )
    assert scope.verbs == ("get", "list", "watch")
    assert scope.kinds == ("VirtualService",)
    other = SpiffeId.parse("spiffe://cluster.local/ns/ci/sa/other")
    assert access.of_certificate(other) == ()


@pytest.mark.parametrize(
    ("claims", "granted"),
    [
        ({"groups": ["team-a", "team-b"]}, 1),
        ({"groups": "team-a"}, 1),
        ({"groups": "team-a team-b"}, 0),
        ({"scope": "openid mesh"}, 1),
        ({"scope": "openid meshes"}, 0),
        ({"realm": {"roles": ["admin"]}}, 1),
        ({"realm": ["roles"]}, 0),
        ({"https://ns/team": "a"}, 1),
        ({"groups": {"team-a": True}}, 0),
        ({"groups": ["team-a"], "scope": "mesh"}, 2),
        ({}, 0),
    ],
)
def test_a_claim_grants_what_it_holds(claims: dict[str, object], granted: int) -> None:
    issuer = parse_access(TEXT.encode()).issuer_called("https://login")
    assert issuer is not None
    assert len(issuer.scopes(claims)) == granted


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("[meltemi]", "[]", "length"),
        ("jwksFile: /keys", "jwksFile: /keys\n  jwksUrl: https://a/b", "not both"),
        ("jwksFile: /keys", "other: 1", "unknown field `other`"),
        ("jwksFile: /keys", "jwksUrl: http://login/keys", "not https"),
        ("jwksFile: /keys", "jwksUrl: http://127.0.0.1.evil/k", "not https"),
        ("jwksFile: /keys", "jwksFile: /k\n  algorithms: [HS256]", "no algorithm"),
        ("jwksFile: /keys", "jwksFile: /k\n  algorithms: [none]", "no algorithm"),
        ("spiffe://cluster.local/ns/ci/sa/deployer", "CN=me", "not a workload id"),
        ("verbs: [read]", "verbs: [spin]", "no verb"),
        ("certificates:", "certs:", "unknown field"),
    ],
)
def test_what_makes_no_sense_is_named(before: str, after: str, why: str) -> None:
    with pytest.raises(InvalidAccessError, match=why):
        parse_access(TEXT.replace(before, after).encode())


def test_an_issuer_stands_once() -> None:
    issuer = "{issuer: a, audiences: [b], jwksFile: c, grants: []}"
    with pytest.raises(InvalidAccessError, match="twice"):
        parse_access(f"issuers: [{issuer}, {issuer}]".encode())
