from __future__ import annotations

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.model.stored import StoredMesh
from meltemi.store.ports import Entry, Listing
from meltemi.testkit.mesh import resources

(OBJECT,) = resources(
    """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews}
    spec:
      hosts: [reviews.example.com]
      resolution: DNS
      ports: [{number: 80, name: http, protocol: HTTP}]
    """
)
KEY = ledger_key("default", OBJECT.key)


def names(mesh: StoredMesh) -> list[str]:
    return [each.metadata.name for each in mesh.mesh.of(ServiceEntry)]


def listing(*entries: Entry) -> Listing:
    return Listing(Epoch("cafe"), Revision(9), entries)


def test_a_value_that_is_gone_takes_its_object_away() -> None:
    mesh = StoredMesh()
    assert mesh.take(KEY, stored(OBJECT), Revision(2)).touched == 1
    assert names(mesh) == ["reviews"]
    assert mesh.take(KEY, None, Revision(3)).touched == 1
    assert names(mesh) == []


def test_an_object_that_cannot_be_read_keeps_its_last_good_version() -> None:
    mesh = StoredMesh()
    mesh.take(KEY, stored(OBJECT), Revision(2))
    (problem,) = mesh.take(KEY, b"{bit flip", Revision(3)).unreadable
    assert problem.key == KEY
    assert names(mesh) == ["reviews"], "one bad write must not be an outage"


def test_a_key_that_is_no_object_is_set_aside() -> None:
    kept = StoredMesh().take("/mesh/v1/default/nonsense", b"{}", Revision(2))
    assert kept.touched == 0
    assert kept.unreadable


def test_a_listing_replaces_everything_deletions_included() -> None:
    mesh = StoredMesh()
    mesh.take(KEY, stored(OBJECT), Revision(2))
    assert mesh.replace(listing()).touched == 1
    assert names(mesh) == []


def test_a_listing_that_holds_the_same_touches_nothing() -> None:
    mesh = StoredMesh()
    mesh.take(KEY, stored(OBJECT), Revision(2))
    entry = Entry(KEY, stored(OBJECT), Revision(2), Revision(2))
    assert mesh.replace(listing(entry)).touched == 0
