from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_spiffe_validator_config_pb2 import (
    SPIFFECertValidatorConfig,
)
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DiscoveryRequest,
)
from google.rpc.status_pb2 import Status

from meltemi.identity.certificate import certificate_pem
from meltemi.identity.federation import Anchor, Federation
from meltemi.proxy.secrets import (
    DEFAULT,
    ROOTCA,
    DeltaSession,
    SotwSession,
    secrets_of,
)
from meltemi.testkit.authority import authority, credential

if TYPE_CHECKING:
    from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
        CertificateValidationContext,
    )

    from meltemi.identity.credential import Credential

FIRST, SECOND = secrets_of(credential()), secrets_of(credential())


def ask(*names: str, nonce: str = "", error: str = "") -> DiscoveryRequest:
    detail = Status(code=13, message=error) if error else None
    return DiscoveryRequest(
        resource_names=names, response_nonce=nonce, error_detail=detail
    )


def test_envoy_gets_the_secret_it_asks_for_and_no_other() -> None:
    session = SotwSession()
    session.receive(ask(DEFAULT))
    answer = session.offer(FIRST)
    assert answer
    (body,) = answer.resources
    secret = Secret.FromString(body.value)
    assert secret.name == DEFAULT
    assert secret.tls_certificate.private_key.inline_bytes.startswith(b"-----BEGIN")


def test_nothing_is_sent_twice() -> None:
    session = SotwSession()
    session.receive(ask(DEFAULT))
    answer = session.offer(FIRST)
    assert answer
    session.receive(ask(DEFAULT, nonce=answer.nonce))
    assert session.offer(FIRST) is None


def test_a_rotation_is_offered_at_once_and_owed_until_taken() -> None:
    session = SotwSession()
    session.receive(ask(DEFAULT))
    session.offer(FIRST)
    version = SECOND[DEFAULT].version
    assert session.owes(DEFAULT, version)
    answer = session.offer(SECOND)
    assert answer
    assert session.owes(DEFAULT, version), "sent, but not yet taken"
    session.receive(ask(DEFAULT, nonce=answer.nonce))
    assert not session.owes(DEFAULT, version)


def test_a_secret_that_does_not_exist_is_waited_for() -> None:
    session = SotwSession()
    session.receive(ask("kubernetes://x"))
    assert session.offer(FIRST) is None
    session.receive(ask(ROOTCA))
    assert session.offer({}) is None
    assert session.offer(FIRST)


def test_a_refusal_is_remembered_in_envoys_words() -> None:
    session = SotwSession()
    session.receive(ask(DEFAULT))
    answer = session.offer(FIRST)
    assert answer
    session.receive(ask(DEFAULT, nonce=answer.nonce, error="bad key"))
    assert session.refusal == "bad key"


def test_the_incremental_variant_sends_what_has_changed() -> None:
    session = DeltaSession()
    session.receive(DeltaDiscoveryRequest(resource_names_subscribe=[DEFAULT, ROOTCA]))
    first = session.offer(FIRST)
    assert first
    assert {each.name for each in first.resources} == {DEFAULT, ROOTCA}
    session.receive(DeltaDiscoveryRequest(response_nonce=first.nonce))
    second = session.offer(SECOND)
    assert second
    assert [each.name for each in second.resources] == [DEFAULT], "the root is the same"


def test_the_incremental_variant_trusts_what_envoy_says_it_has() -> None:
    session = DeltaSession()
    session.receive(
        DeltaDiscoveryRequest(
            resource_names_subscribe=[ROOTCA],
            initial_resource_versions={ROOTCA: FIRST[ROOTCA].version},
        )
    )
    assert session.offer(FIRST) is None


def test_an_unsubscribed_secret_is_not_sent_any_more() -> None:
    session = DeltaSession()
    session.receive(DeltaDiscoveryRequest(resource_names_subscribe=[DEFAULT]))
    session.offer(FIRST)
    session.receive(DeltaDiscoveryRequest(resource_names_unsubscribe=[DEFAULT]))
    assert session.offer(SECOND) is None


def test_a_secret_prints_no_key() -> None:
    assert "PRIVATE" not in repr(FIRST)


def test_files_that_a_rule_names_are_served_by_their_paths() -> None:
    certificate, roots = "file-cert:/a/chain.pem~/a/key.pem", "file-root:system"
    session = DeltaSession()
    session.receive(
        DeltaDiscoveryRequest(resource_names_subscribe=[certificate, roots])
    )
    answer = session.offer({})
    assert answer
    own, trusted = (Secret.FromString(each.resource.value) for each in answer.resources)
    assert own.tls_certificate.certificate_chain.filename == "/a/chain.pem"
    assert own.tls_certificate.private_key.filename == "/a/key.pem"
    assert trusted.validation_context.trusted_ca.filename.endswith(".crt")
    assert session.offer({}) is None, "nothing is sent twice"


def validation(shown: Credential) -> CertificateValidationContext:
    body = secrets_of(shown)[ROOTCA].body
    return Secret.FromString(body.value).validation_context


def test_each_root_speaks_for_its_own_trust_domain_where_there_are_others() -> None:
    held = credential()
    theirs, added = (
        certificate_pem(authority(each).certificate) for each in ("c", "d")
    )
    beside = Federation(
        ("cluster.local", "old.example"),
        (Anchor("partner.example", (theirs,)), Anchor("cluster.local", (added,))),
    )
    context = validation(replace(held, federation=beside))
    own = held.roots_pem + added
    assert context.trusted_ca.inline_bytes.decode() == own, "theirs is not among it"
    bound = SPIFFECertValidatorConfig.FromString(
        context.custom_validator_config.typed_config.value
    )
    found = {
        each.name: each.trust_bundle.inline_bytes.decode()
        for each in bound.trust_domains
    }
    assert found == {
        "cluster.local": own,
        "old.example": own,
        "partner.example": theirs,
    }


def test_a_mesh_that_believes_itself_alone_needs_no_binding() -> None:
    context = validation(credential())
    assert not context.HasField("custom_validator_config")
