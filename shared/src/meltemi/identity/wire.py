"""The messages of ``istio.v1.auth.IstioCertificateService``, byte for byte.

The descriptor lives in a pool of its own, so that a process which also loads Istio's
generated code meets no clash of names.

Source:
    istio/api security/v1alpha1/ca.proto, field numbers 1, 3, 4 and 1.

"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pool, message_factory, struct_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError, Message

from meltemi.kernel.errors import Blame, MeshError

SERVICE = "istio.v1.auth.IstioCertificateService"
CREATE = "CreateCertificate"
CREATE_CERTIFICATE = f"/{SERVICE}/{CREATE}"
NODE, IMPERSONATED = "NodeName", "ImpersonatedIdentity"
"""Keys of the metadata that are read."""

_FILE = "meltemi/identity/ca.proto"
_STRUCT = "google.protobuf.Struct"
_ONE = FieldDescriptorProto.LABEL_OPTIONAL
_MANY = FieldDescriptorProto.LABEL_REPEATED


class InvalidMessageError(MeshError):
    """Bytes are not the message they should be."""

    code = "identity.invalid-message"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What a workload asks for.

    Attributes:
        csr: The certificate signing request, PEM.
        validity: Wished lifetime, seconds; 0 for the authority's default.
        node: ``NodeName`` in the metadata: where the caller says it is.
        impersonated: ``ImpersonatedIdentity`` in the metadata: for whom it asks, if
            not for itself.

    What else the metadata holds is accepted and decides nothing: an identity comes
    from the caller's proof alone.

    """

    csr: str
    validity: int = 0
    node: str = ""
    impersonated: str = ""

    def encode(self) -> bytes:
        """Return the message's bytes."""
        told = {NODE: self.node, IMPERSONATED: self.impersonated}
        metadata = {name: text for name, text in told.items() if text}
        wish = {"csr": self.csr, "validity_duration": self.validity}
        message = _REQUEST(**wish, **({"metadata": metadata} if metadata else {}))
        return message.SerializeToString(deterministic=True)

    @classmethod
    def decode(cls, raw: bytes) -> CertificateRequest:
        """Read a message; raise `InvalidMessageError` if ``raw`` is none."""
        found = _fields(_REQUEST, raw)
        metadata = found["metadata"].fields if "metadata" in found else {}
        node, impersonated = (
            metadata[name].string_value if name in metadata else ""
            for name in (NODE, IMPERSONATED)
        )
        wish = found.get("csr", ""), found.get("validity_duration", 0)
        return cls(*wish, node, impersonated)


@dataclass(frozen=True, slots=True)
class CertificateResponse:
    """What the authority answers: PEM texts, the leaf first.

    The last element is the whole root bundle, which may hold several certificates.
    """

    chain: tuple[str, ...]

    def encode(self) -> bytes:
        """Return the message's bytes."""
        return _RESPONSE(cert_chain=self.chain).SerializeToString(deterministic=True)

    @classmethod
    def decode(cls, raw: bytes) -> CertificateResponse:
        """Read a message; raise `InvalidMessageError` if ``raw`` is none."""
        return cls(tuple(_fields(_RESPONSE, raw).get("cert_chain", ())))


def _fields(kind: type[Message], raw: bytes) -> dict[str, Any]:
    """Return the fields set in ``raw``, by name."""
    try:
        return {field.name: value for field, value in kind.FromString(raw).ListFields()}
    except DecodeError as error:
        raise InvalidMessageError(
            f"{len(raw)} bytes are no {kind.DESCRIPTOR.full_name}"
        ) from error


def _field(
    name: str,
    number: int,
    kind: FieldDescriptorProto.Type.ValueType,
    label: FieldDescriptorProto.Label.ValueType = _ONE,
) -> FieldDescriptorProto:
    return FieldDescriptorProto(name=name, number=number, type=kind, label=label)


def _messages() -> tuple[type[Message], type[Message]]:
    """Build the two message classes from a descriptor written here by hand."""
    file = FileDescriptorProto(name=_FILE, package="istio.v1.auth", syntax="proto3")
    file.dependency.append(struct_pb2.DESCRIPTOR.name)
    request = file.message_type.add(name="IstioCertificateRequest")
    metadata = _field("metadata", 4, FieldDescriptorProto.TYPE_MESSAGE)
    metadata.type_name = f".{_STRUCT}"
    request.field.extend(
        [
            _field("csr", 1, FieldDescriptorProto.TYPE_STRING),
            _field("validity_duration", 3, FieldDescriptorProto.TYPE_INT64),
            metadata,
        ]
    )
    response = file.message_type.add(name="IstioCertificateResponse")
    response.field.append(
        _field("cert_chain", 1, FieldDescriptorProto.TYPE_STRING, _MANY)
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    first, second = (
        message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"istio.v1.auth.{each.name}")
        )
        for each in file.message_type
    )
    return first, second


_REQUEST, _RESPONSE = _messages()
