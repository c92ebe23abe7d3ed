from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from spiffe._proto import workload_pb2

from meltemi.proxy.workload_api import x509_bundles, x509_svids
from meltemi.testkit.authority import REVIEWS, credential

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
