from __future__ import annotations

from meltemi.config.schema.mesh_config import CertificateData
from meltemi.identity.certificate import certificate_pem
from meltemi.identity.federation import Anchor, Federation
from meltemi.kernel.identity import TrustDomains
from meltemi.pilot.model.federation import federation
from meltemi.testkit.authority import authority

A, B = (certificate_pem(authority(each).certificate) for each in ("a", "b"))
DOMAINS = TrustDomains("cluster.local", ("old.example",))


def test_an_authority_speaks_for_the_trust_domains_it_is_given() -> None:
    data = CertificateData(pem=A + B, trust_domains=("x.example", "y.example"))
    again = CertificateData(pem=B, trust_domains=("y.example",))
    assert federation(DOMAINS, (data, again), {}) == Federation(
        DOMAINS.names, (Anchor("x.example", (A, B)), Anchor("y.example", (A, B)))
    )


def test_without_a_trust_domain_it_is_the_meshs_own_and_its_aliases() -> None:
    found = federation(DOMAINS, (CertificateData(pem=A),), {})
    assert found.added == (A,)
    assert found.foreign == ()
    assert [each.trust_domain for each in found.anchors] == [
        "cluster.local",
        "old.example",
    ]


def test_what_cannot_be_read_makes_nobody_believed() -> None:
    data = CertificateData(pem="rubbish", trust_domains=("x.example",))
    assert federation(DOMAINS, (data,), {}).anchors == ()


def test_what_a_bundle_endpoint_published_counts_like_what_is_written() -> None:
    url = "https://partner.example/bundle"
    data = CertificateData(spiffe_bundle_url=url, trust_domains=("x.example",))
    assert federation(DOMAINS, (data,), {}).anchors == ()
    found = federation(DOMAINS, (data,), {url: A})
    assert found.anchors == (Anchor("x.example", (A,)),)
