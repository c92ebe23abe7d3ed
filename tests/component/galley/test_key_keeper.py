"""Keys of token issuers, from a site on loopback into a ledger in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from meltemi.config.canonical import stored
from meltemi.config.key_sets import BUNDLE, KeptKeys, KeySource, kept_keys, keys_prefix
from meltemi.config.ledger_keys import ledger_key
from meltemi.galley.adapters import key_keeper
from meltemi.galley.adapters.key_keeper import KeyKeeper, KeyPolicy
from meltemi.identity.certificate import certificate_pem
from meltemi.kernel.names import Revision
from meltemi.runtime.dial_rule import networks
from meltemi.runtime.guarded_fetch import Guard
from meltemi.store.ports import Entry, Listing, Write
from meltemi.testkit.authority import NOON, authority
from meltemi.testkit.bundles import FAR, bundle
from meltemi.testkit.fakes.clock import StillClock
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.https_site import Site, answer, https_site, redirect
from meltemi.testkit.mesh import resources
from meltemi.testkit.tokens import key_set

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from meltemi.config.schema.message import Message

DAY = 24 * 3600.0


@dataclass
class Kept:
    """A keeper and everything around it."""

    site: Site
    ledger: MemoryLedger
    clock: StillClock
    keeper: KeyKeeper
    spec: Message | None = None

    def name(self, *rules: str) -> None:
        """Have the mesh name these rules, and nothing else."""
        (made,) = resources(
            f"""
            apiVersion: security.istio.io/v1
            kind: RequestAuthentication
            metadata: {{name: a}}
            spec: {{jwtRules: [{", ".join(f"{{{each}}}" for each in rules)}]}}
            """
        )
        entry = Entry(
            ledger_key("default", made.key), stored(made), Revision(2), Revision(2)
        )
        self.keeper.sources.replace(
            Listing(self.ledger.epoch, Revision(2), (entry,) if rules else ())
        )

    def name_bundle(self, url: str) -> KeySource:
        """Have the mesh believe what is published at ``url``; return what that is."""
        (made,) = resources(
            f"""
            apiVersion: mesh.istio.io/v1alpha1
            kind: MeshConfig
            metadata: {{name: default, namespace: istio-system}}
            spec:
              caCertificates:
              - {{spiffeBundleUrl: '{url}', trustDomains: [partner.example]}}
            """
        )
        entry = Entry(
            ledger_key("default", made.key), stored(made), Revision(2), Revision(2)
        )
        self.keeper.sources.replace(Listing(self.ledger.epoch, Revision(2), (entry,)))
        self.spec = made.spec
        return KeySource("", url, BUNDLE)

    async def of(self, source: KeySource) -> KeptKeys | None:
        """Return what the ledger holds for ``source``."""
        listing = await self.ledger.list(keys_prefix("default"))
        kept = [kept_keys(entry.value) for entry in listing.entries]
        return next((each for each in kept if each and each.source == source), None)

    def another(self) -> KeyKeeper:
        """Return a keeper of the same ledger: a second Galley, or one restarted."""
        guard = Guard(networks(("127.0.0.1",)), self.site.roots)
        made = KeyKeeper(self.ledger, "default", KeyPolicy(guard), self.clock)
        made.sources._named = self.keeper.sources._named
        return made


@pytest_asyncio.fixture
async def kept() -> AsyncIterator[Kept]:
    ledger, clock = MemoryLedger(), StillClock(NOON)
    async with https_site() as site:
        site.pages["/keys"] = answer(key_set())
        guard = Guard(networks(("127.0.0.1",)), site.roots)
        keeper = KeyKeeper(ledger, "default", KeyPolicy(guard), clock)
        yield Kept(site, ledger, clock, keeper)


def remote(kept: Kept, path: str = "/keys") -> tuple[str, KeySource]:
    uri = kept.site.url(path)
    return f"issuer: a, jwksUri: '{uri}'", KeySource("a", uri)


async def test_keys_are_fetched_once_and_again_when_they_are_old(kept: Kept) -> None:
    rule, source = remote(kept)
    kept.name(rule)
    assert await kept.keeper.keep() == 60.0, "others may do something by then"
    found = await kept.of(source)
    assert found is not None
    assert json.loads(found.keys)["keys"][0]["kid"] == "test"
    await kept.keeper.keep()
    assert kept.site.asked == ["/keys"]
    kept.site.pages["/keys"] = answer(key_set(1))
    kept.clock.advance(1200)
    await kept.keeper.keep()
    newer = await kept.of(source)
    assert newer is not None
    assert newer.keys != found.keys


async def test_the_last_good_bundle_serves_on_whatever_its_endpoint_says(
    kept: Kept,
) -> None:
    partner = authority("partner.example")
    source = kept.name_bundle(kept.site.url("/bundle"))

    async def reason(**expected: str) -> str:
        kept.clock.advance(3600)
        await kept.keeper.keep()
        found = await kept.of(source)
        assert found is not None
        assert found.keys == expected.get("roots", "")
        assert kept.spec is not None
        (told,) = kept.keeper.conditions(kept.spec)
        assert told.type == "BundlesFetched"
        return told.reason

    good = certificate_pem(partner.certificate)
    assert await reason() == "NoBundle", "nothing is there yet"
    kept.site.pages["/bundle"] = answer(bundle(partner))
    assert await reason(roots=good) == "Fetched"
    for page in (
        answer("<html>", "text/html"),
        answer(bundle(authority("evil.example"), FAR - 1)),
        answer(bundle(authority("evil.example")) + " " * 2**20),
        redirect("http://169.254.169.254/latest/meta-data"),
    ):
        kept.site.pages["/bundle"] = page
        assert await reason(roots=good) == "LastGood"
    kept.clock.advance(30 * DAY)
    assert await reason(roots=good) == "LastGood", "longer than keys of tokens"
    newer = authority("newer.example")
    kept.site.pages["/bundle"] = answer(bundle(newer, FAR + 1))
    assert await reason(roots=certificate_pem(newer.certificate)) == "Fetched"


async def test_a_bundle_is_asked_for_again_as_soon_as_it_wishes(kept: Kept) -> None:
    kept.name_bundle(kept.site.url("/bundle"))
    page = answer(bundle(authority("partner.example"), refresh=300))
    kept.site.pages["/bundle"] = page
    await kept.keeper.keep()
    kept.clock.advance(299)
    await kept.keeper.keep()
    assert kept.site.asked == ["/bundle"]
    kept.clock.advance(1)
    await kept.keeper.keep()
    assert kept.site.asked == ["/bundle", "/bundle"]


async def test_an_issuer_without_uri_is_asked_where_its_keys_are(kept: Kept) -> None:
    issuer = kept.site.url("/realm")
    document = {"issuer": issuer, "jwks_uri": kept.site.url("/keys")}
    page = "/realm/.well-known/openid-configuration"
    kept.site.pages[page] = answer(json.dumps(document))
    kept.name(f"issuer: '{issuer}'")
    await kept.keeper.keep()
    found = await kept.of(KeySource(issuer, ""))
    assert found is not None
    assert found.keys
    assert kept.site.asked == [page, "/keys"]


async def test_case_47_html_on_refresh_leaves_the_last_good_keys_for_seven_days(
    kept: Kept,
) -> None:
    rule, source = remote(kept)
    kept.name(rule)
    await kept.keeper.keep()
    good = await kept.of(source)
    assert good is not None
    for page in (
        answer("<html>", "text/html"),
        answer("<html>not even said</html>"),
        answer("{}"),
        answer("", status=500),
    ):
        kept.site.pages["/keys"] = page
        kept.clock.advance(3600)
        await kept.another().keep()  # a Galley that restarted, too
        now = await kept.of(source)
        assert now is not None
        assert (now.keys, now.fetched) == (good.keys, good.fetched)
        assert now.problem
        assert "<html" not in now.encoded().decode()
    kept.clock.advance(7 * DAY)
    await kept.keeper.keep()
    late = await kept.of(source)
    assert late is not None
    assert late.keys == ""


async def test_case_46_where_keys_must_not_come_from_nothing_is_fetched(
    kept: Kept,
) -> None:
    places = [
        "http://169.254.169.254/latest",
        "https://[::ffff:169.254.169.254]/",
        "https://2852039166/",
        "https://10.0.0.1/",
    ]
    kept.name(*(f"issuer: a, jwksUri: '{each}'" for each in places))
    await kept.keeper.keep()
    for each in places:
        found = await kept.of(KeySource("a", each))
        assert found is not None
        assert found.keys == ""
        assert found.problem
    (condition,) = kept.keeper.conditions(_spec(kept, places[0]))
    assert (condition.status, condition.reason) == ("False", "NoKeys")


def _spec(kept: Kept, uri: str) -> Any:
    kept.name(f"issuer: a, jwksUri: '{uri}'")
    text = f"""
        apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata: {{name: a}}
        spec: {{jwtRules: [{{issuer: a, jwksUri: '{uri}'}}]}}
        """
    return resources(text)[0].spec


async def test_case_46_private_keys_are_not_kept(kept: Kept) -> None:
    (key,) = json.loads(key_set())["keys"]
    kept.site.pages["/keys"] = answer(json.dumps({"keys": [{**key, "d": "c2VjcmV0"}]}))
    rule, source = remote(kept)
    kept.name(rule)
    await kept.keeper.keep()
    found = await kept.of(source)
    assert found is not None
    assert found.keys == ""
    assert "private key" in found.problem
    assert "c2VjcmV0" not in found.encoded().decode()


async def test_a_second_galley_sees_what_the_first_did(kept: Kept) -> None:
    rule, source = remote(kept)
    kept.name(rule)
    other = kept.another()
    await kept.keeper.keep()
    await other.keep()
    assert kept.site.asked == ["/keys"]
    assert other.kept.keys() == {source}


async def test_keys_that_nothing_names_leave_once_they_are_too_old(kept: Kept) -> None:
    rule, source = remote(kept)
    kept.name(rule)
    await kept.keeper.keep()
    kept.name()
    await kept.keeper.keep()
    assert await kept.of(source), "an object put back finds its keys"
    kept.clock.advance(7 * DAY)
    await kept.keeper.keep()
    assert await kept.of(source) is None


async def test_one_source_that_goes_wrong_is_no_other_s(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that goes away in the middle, or a bug of ours, costs one source."""
    rule, source = remote(kept)
    kept.name("issuer: 'https://bug.example'", rule)

    async def broken(*_: object) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr(key_keeper, "_discover", broken)
    await kept.keeper.keep()
    found = await kept.of(source)
    assert found is not None
    assert found.keys


async def test_what_is_not_ours_under_the_prefix_is_left_alone(kept: Kept) -> None:
    await kept.ledger.commit([Write(keys_prefix("default") + "x", b"rubbish")])
    kept.name(remote(kept)[0])
    await kept.keeper.keep()
    assert len(kept.keeper.kept) == 1


async def test_good_keys_are_due_after_the_time_that_was_set(kept: Kept) -> None:
    guard = Guard(networks(("127.0.0.1",)), kept.site.roots)
    policy = KeyPolicy(guard, timedelta(seconds=2))
    keeper = KeyKeeper(kept.ledger, "default", policy, kept.clock)
    kept.name(remote(kept)[0])
    keeper.sources._named = kept.keeper.sources._named
    assert await keeper.keep() == 2.0
