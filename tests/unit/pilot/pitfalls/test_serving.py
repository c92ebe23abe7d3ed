"""Pitfalls 63 and 68 to 75 of Istio's meaning: how configuration reaches proxies.

What is not shown here:

=== ==========================================================================
68  ``tests/unit/xds/test_watch.py``: a refused version is not offered again but
    its successor is; ``tests/system/test_demo_3_refusals.py``, where it is shown.
69  ``tests/unit/xds/test_watch.py``: a refused batch is halved until the culprit
    stands alone. What is made is shown to Envoy by ``tests/golden``,
    ``tests/fuzz/test_translation.py`` and ``tests/conformance/test_snapshots.py``.
71  ``tests/unit/xds/test_session.py``: routes wait until their clusters are
    acknowledged, and a cluster stays while a refused route may still use it.
72  ``tests/component/pilot/test_ingest.py``: an absent ledger is waited for, and
    ``tests/unit/pilot/test_push.py``: before the first mesh nothing is sent.
63, That key sets are fetched, guarded and pushed anew belongs to step 5; until
75  then those of a URI are nobody's, which is shown here.
=== ==========================================================================
"""

from __future__ import annotations

import base64
import json
from random import Random

import msgspec
import pytest

from meltemi.pilot.translate.request_authentication import NOBODYS_KEYS
from meltemi.testkit.mesh import resources
from meltemi.testkit.policies import KEYS, asked, headed, held_by, judged
from meltemi.testkit.small_mesh import (
    ask,
    names,
    opened,
    service,
    sidecar,
    the,
    to,
)
from meltemi.testkit.translation import CLASSES, holding, translated, versions

SERVICES = service("a") + service("b")


def verifying(more: str) -> str:
    spec = f"jwtRules: [{{issuer: i, {more}}}]"
    return the("RequestAuthentication", "one", spec)


def answers(text: str) -> tuple[bool, bool]:
    """Tell whether a request passes without a token, and with one."""
    held = held_by(text)
    signed = asked(headers=headed({"kid": "k", "alg": "ES256"}, iss="i"))
    return not judged(held, asked()).problem, not judged(held, signed).problem


def test_63_while_keys_cannot_be_had_every_token_is_refused_and_nothing_else() -> None:
    assert answers(verifying("jwksUri: 'https://i.example/keys'")) == (True, False)
    assert answers(verifying(f"jwks: '{KEYS}'")) == (True, True)


def test_70_the_order_in_which_objects_came_changes_no_byte() -> None:
    text = (
        SERVICES
        + the("VirtualService", "one", f"hosts: [a], http: [{to('b')}]")
        + the("VirtualService", "two", f"hosts: ['*.cluster.local'], http: [{to('a')}]")
        + the("DestinationRule", "r", "host: a, subsets: [{name: x}, {name: w}]")
        + the("AuthorizationPolicy", "p", "rules: [{}]")
        + the("AuthorizationPolicy", "q", "rules: [{}]", "istio-system")
    )
    objects = list(resources(text))
    expected = versions(holding(objects), CLASSES["captured"])
    for seed in range(5):
        Random(seed).shuffle(objects)  # noqa: S311 - a test that repeats itself
        assert versions(holding(objects), CLASSES["captured"]) == expected


def test_73_of_objects_of_one_second_the_first_by_name_then_namespace_is_the_oldest() -> (
    None
):
    host = "hosts: [a.default.svc.cluster.local]"
    later = the("VirtualService", "two", f"{host}, http: [{to('a.default')}]")
    one = f"{host}, http: [{to('b.default.svc.cluster.local')}]"
    objects = tuple(
        msgspec.structs.replace(
            each,
            metadata=msgspec.structs.replace(
                each.metadata, creation_timestamp="2026-01-01T00:00:00Z"
            ),
        )
        for each in resources(SERVICES + later + the("VirtualService", "one", one))
    )
    for given in (objects, objects[::-1]):
        held = opened(translated(holding(given), CLASSES["captured"]))
        assert names(ask(held, "a.default/")) == [
            "outbound|80||b.default.svc.cluster.local"
        ]


@pytest.mark.parametrize(
    "key", ["", '{"kty":"RSA","n":"AQAB","e":"AQAB"}', '{"kty":"RSA","n":"!","e":"!"}']
)
def test_74_a_set_without_a_usable_key_is_replaced_by_one_that_nobody_has(
    key: str,
) -> None:
    empty = verifying(f"jwks: '{{\"keys\":[{key}]}}'")
    assert answers(empty) == (True, False)
    (nobodys,) = json.loads(NOBODYS_KEYS)["keys"]
    assert len(base64.urlsafe_b64decode(nobodys["n"] + "==")) * 8 == 2048
    held = sidecar(empty)
    assert nobodys["n"] in "".join(str(each) for each in held.listeners)
