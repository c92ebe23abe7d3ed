from __future__ import annotations

from meltemi.identity.sealed import SealingKey, new_sealing_key
from meltemi.identity.tls_secret import TlsSecret, gone_secret, sealed_secret
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.model.secret_store import SecretStore
from meltemi.store.ports import Entry, Listing
from meltemi.testkit.web_certificates import web_certificate

KEY = SealingKey(b"k" * 32)
SHOWN = web_certificate("a.example")
WEB = TlsSecret(SHOWN.pem, SHOWN.key_pem)


def listing(**values: bytes) -> Listing:
    entries = tuple(
        Entry(f"/mesh/secrets/v1/m/a/{name}", value, Revision(2), Revision(2))
        for name, value in values.items()
    )
    return Listing(Epoch("cafe"), Revision(3), entries)


def test_secrets_are_opened_and_what_does_not_open_is_as_good_as_absent() -> None:
    kept = sealed_secret(WEB, "a", "web", KEY).encoded()
    found = SecretStore.of(listing(web=kept, copied=kept, broken=b"{"), KEY)
    assert found.by_place == {("a", "web"): WEB}
    assert [each.rpartition("/")[2] for each in found.shut] == ["copied", "broken"]
    assert "PRIVATE" not in repr(found)
    for key in (None, new_sealing_key()):
        assert SecretStore.of(listing(web=kept), key).by_place == {}


def test_a_renamed_secret_does_not_open_under_its_new_name() -> None:
    kept = sealed_secret(WEB, "a", "web", KEY).encoded()
    renamed = kept.replace(b'"web"', b'"own"')
    assert SecretStore.of(listing(own=renamed), KEY).by_place == {}


def test_what_was_deleted_is_remembered_as_gone() -> None:
    found = SecretStore.of(listing(web=gone_secret("a", "web").encoded()), KEY)
    assert found.gone == {("a", "web")}
    assert not found.by_place
    assert not found.shut
