"""Requests with tokens, and what becomes of them (see `meltemi.testkit.matrix`)."""

from __future__ import annotations

from meltemi.testkit.matrix import FORBIDDEN, OUTSIDE, UNAUTHORIZED, Row, refused
from meltemi.testkit.tokens import signed


def shop(**claims: object) -> str:
    """Return a token of the first issuer, with ``claims`` in place of its usual."""
    return signed({"iss": "tests", "sub": "alice", "aud": "shop", **claims})


OTHER = signed({"iss": "others", "sub": "bob"})
FORGED = signed({"iss": "tests", "sub": "alice", "aud": "shop"}, forged=True)

TOKENS = [
    refused(Row("no token", "alpha", "tokens", path="/user")),
    Row(
        "a token",
        "alpha",
        "tokens",
        path="/user",
        token=shop(group="readers"),
        seen=(("authorization", ""), ("x-payload", ""), ("x-group", "readers")),
    ),
    Row("a token over plain text", OUTSIDE, "tokens", path="/user", token=shop()),
    refused(
        Row("another subject", "alpha", "tokens", path="/user", token=shop(sub="bob"))
    ),
    refused(
        Row(
            "a token that has expired",
            "alpha",
            "tokens",
            path="/user",
            token=shop(exp=1_000_000_000),
        ),
        "",
        UNAUTHORIZED,
    ),
    refused(
        Row(
            "a token of nobody",
            "alpha",
            "tokens",
            path="/user",
            token=shop(iss="nobody"),
        ),
        "",
        UNAUTHORIZED,
    ),
    refused(
        Row(
            "a token for another audience",
            "alpha",
            "tokens",
            path="/user",
            token=shop(aud="bank"),
        ),
        "",
        FORBIDDEN,
    ),
    refused(
        Row("a token that is forged", "alpha", "tokens", path="/user", token=FORGED),
        "",
        UNAUTHORIZED,
    ),
    refused(
        Row(
            "what is no token",
            "alpha",
            "tokens",
            path="/user",
            headers=("authorization: Bearer none",),
        ),
        "",
        UNAUTHORIZED,
    ),
    Row("a claim", "alpha", "tokens", path="/group", token=shop(group="readers")),
    Row(
        "a claim that is a list",
        "alpha",
        "tokens",
        path="/group",
        token=shop(group=["a", "readers"]),
    ),
    refused(
        Row(
            "another claim",
            "alpha",
            "tokens",
            path="/group",
            token=shop(group="writers"),
        )
    ),
    Row(
        "a claim within a claim",
        "alpha",
        "tokens",
        path="/nested",
        token=shop(realm={"roles": ["admin"]}),
    ),
    refused(
        Row(
            "not within the claim",
            "alpha",
            "tokens",
            path="/nested",
            token=shop(realm={"roles": ["user"]}),
        )
    ),
    Row(
        "a scope among several",
        "alpha",
        "tokens",
        path="/scope",
        token=shop(scope="read write"),
    ),
    Row(
        "audience and presenter",
        "alpha",
        "tokens",
        path="/presented",
        token=shop(azp="till"),
    ),
    refused(
        Row(
            "not this presenter",
            "alpha",
            "tokens",
            path="/presented",
            token=shop(azp="door"),
        )
    ),
    Row(
        "a token in a header with a prefix",
        "alpha",
        "tokens",
        path="/other",
        headers=(f"x-token: Token {OTHER}",),
        seen=(("x-token", None),),
    ),
    refused(
        Row(
            "not this prefix",
            "alpha",
            "tokens",
            path="/other",
            headers=(f"x-token: Bearer {OTHER}",),
        )
    ),
    Row("a token in a parameter", "alpha", "tokens", path=f"/other?tok={OTHER}"),
    Row(
        "a token in a cookie",
        "alpha",
        "tokens",
        path="/other",
        headers=(f"cookie: a=b; tok={OTHER}",),
    ),
    Row("nobody's token", "alpha", "tokens", path="/anonymous"),
    refused(
        Row("notRequestPrincipals", "alpha", "tokens", path="/anonymous", token=shop())
    ),
]
