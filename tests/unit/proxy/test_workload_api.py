from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from spiffe._proto import workload_pb2

from meltemi.identity.certificate import certificate_pem
from meltemi.identity.federation import Anchor, Federation
from meltemi.proxy.workload_api import x509_bundles, x509_svids
from meltemi.testkit.authority import REVIEWS, authority, credential

DER = serialization.Encoding.DER


def test_the_messages_are_those_of_spiffe_s_own_proto() -> None:
    held = credential()
    found = workload_pb2.X509SVIDResponse.FromString(x509_svids(held))
    (svid,) = found.svids
    assert svid.spiffe_id == str(REVIEWS)
    assert svid.x509_svid == held.leaf.public_bytes(DER)
    assert svid.bundle == held.roots[0].public_bytes(DER)
    key = serialization.load_der_private_key(svid.x509_svid_key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.private_numbers() == held.key.private_numbers()
    bundles = workload_pb2.X509BundlesResponse.FromString(x509_bundles(held)).bundles
    assert dict(bundles) == {"spiffe://cluster.local": svid.bundle}


def test_bytes_are_the_same_as_protobuf_writes_them() -> None:
    raw = x509_svids(credential())
    parsed = workload_pb2.X509SVIDResponse.FromString(raw)
    assert parsed.SerializeToString(deterministic=True) == raw


def test_workloads_hear_of_the_roots_of_other_meshes_too() -> None:
    theirs = authority("partner.example").certificate
    anchor = Anchor("partner.example", (certificate_pem(theirs),))
    held = replace(credential(), federation=Federation(("cluster.local",), (anchor,)))
    der = {"spiffe://partner.example": theirs.public_bytes(DER)}
    svids = workload_pb2.X509SVIDResponse.FromString(x509_svids(held))
    assert dict(svids.federated_bundles) == der
    bundles = workload_pb2.X509BundlesResponse.FromString(x509_bundles(held)).bundles
    own = {"spiffe://cluster.local": held.roots[0].public_bytes(DER)}
    assert dict(bundles) == own | der
