"""The mesh's trust bundle as it travels: Citadel → ledger → Pilot → agents.

On the wire it is Istio's PCDS: the type `TYPE_URL` with field 34, one PEM each.

Source:
    istio/api mesh/v1alpha1/proxy.proto, ProxyConfig.ca_certificates_pem = 34.

"""

import hashlib
from typing import Any, Self

import msgspec
from cryptography import x509
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError, Message

from meltemi.identity.certificate import certificate_pem, parse_chain
from meltemi.identity.federation import NOBODY, Federation
from meltemi.identity.wire import InvalidMessageError

TYPE_URL = "type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig"
ROOTS_FIELD = 34
FEDERATION_FIELD = 20_034
"""Ours: far from what Istio's message has or will have."""


class TrustBundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every root a workload must believe; the one that signs now comes first."""

    roots: tuple[str, ...]
    """PEM, one certificate each."""

    @classmethod
    def of(cls, roots: tuple[x509.Certificate, ...]) -> Self:
        """Return the bundle of ``roots``."""
        return cls(tuple(certificate_pem(each) for each in roots))

    @property
    def version(self) -> str:
        """What differs when the bundle does: 32 hex digits."""
        return hashlib.blake2b("".join(self.roots).encode(), digest_size=16).hexdigest()

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """The roots; raise `InvalidCertificateError` if one is none."""
        return tuple(each for pem in self.roots for each in parse_chain(pem))

    def encode(self) -> bytes:
        """Return the form the ledger holds, JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read what the ledger holds; raise `InvalidMessageError` if it is none."""
        try:
            return msgspec.json.decode(raw, type=cls)
        except msgspec.DecodeError as error:
            raise InvalidMessageError(f"no trust bundle: {error}") from error

    def to_wire(self, beside: Federation = NOBODY) -> bytes:
        """Return the message of PCDS; ``beside`` is believed, too."""
        more = {"federation": msgspec.json.encode(beside)} if beside.anchors else {}
        message = _PROXY_CONFIG(ca_certificates_pem=self.roots, **more)
        return message.SerializeToString()

    @classmethod
    def from_wire(cls, raw: bytes) -> tuple[Self, Federation]:
        """Read a message of PCDS; raise `InvalidMessageError` if ``raw`` is none."""
        try:
            found: Any = _PROXY_CONFIG.FromString(raw)
            beside = (
                msgspec.json.decode(found.federation, type=Federation)
                if found.federation
                else NOBODY
            )
        except (DecodeError, msgspec.MsgspecError) as error:
            raise InvalidMessageError(f"{len(raw)} bytes are no ProxyConfig") from error
        return cls(tuple(found.ca_certificates_pem)), beside


def trust_key(mesh: str) -> str:
    """Return where the bundle of ``mesh`` lies in the ledger."""
    return f"/mesh/runtime/v1/{mesh}/trust"


def _proxy_config() -> type[Message]:
    file = FileDescriptorProto(
        name="meltemi/identity/trust.proto",
        package="istio.mesh.v1alpha1",
        syntax="proto3",
    )
    roots = FieldDescriptorProto(
        name="ca_certificates_pem",
        number=ROOTS_FIELD,
        type=FieldDescriptorProto.TYPE_STRING,
        label=FieldDescriptorProto.LABEL_REPEATED,
    )
    federation = FieldDescriptorProto(
        name="federation",
        number=FEDERATION_FIELD,
        type=FieldDescriptorProto.TYPE_BYTES,
        label=FieldDescriptorProto.LABEL_OPTIONAL,
    )
    file.message_type.add(name="ProxyConfig").field.extend([roots, federation])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("istio.mesh.v1alpha1.ProxyConfig")
    )


_PROXY_CONFIG = _proxy_config()
