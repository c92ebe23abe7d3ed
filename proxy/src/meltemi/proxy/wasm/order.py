"""What Pilot asks for in an extension's configuration, and what Envoy is given.

Pilot writes where a module is as Istio does: the remote source of the module's code,
and the rest in variables of its environment, which the agent takes out.

Source:
    Istio's pkg/wasm/convert.go and pkg/model/wasm.go for the variables; Envoy's page
    "Extension configuration" for the resource.

"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from envoy.config.core.v3.base_pb2 import AsyncDataSource, DataSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network_rbac
from envoy.extensions.filters.network.wasm.v3.wasm_pb2 import Wasm as NetworkWasm
from envoy.extensions.wasm.v3.wasm_pb2 import FailurePolicy, PluginConfig
from envoy.service.discovery.v3.discovery_pb2 import Resource
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import DecodeError

from meltemi.proxy.wasm.reference import SCHEME, image_reference
from meltemi.xds.modules import OBJECT_VERSION, PULL_POLICY, PULL_SECRET, UNPINNED

if TYPE_CHECKING:
    from google.protobuf.message import Message

STAND_IN: Final = "stand-in"
"""The version of what takes a missing module's place: no Pilot has it, so each sends
the real one again."""
URL: Final = "type.googleapis.com/"
HTTP_SCHEMES: Final = ("http://", "https://")


class Policy(StrEnum):
    """When a module that is here is fetched again: Istio's imagePullPolicy."""

    UNSAID = ""
    IF_NOT_PRESENT = "IfNotPresent"
    ALWAYS = "Always"


@dataclass(frozen=True, slots=True)
class ModuleOrder:
    """A module to fetch.

    Attributes:
        extension: The name of the filter's configuration.
        url: ``http://``, ``https://`` or ``oci://``.
        sha256: Of the module, or of the image's manifest, in hex; empty: not said.
        policy: When it is fetched again.
        secret: The name of the credentials to show; empty: none.
        opens: Whether traffic passes without it.
        seconds: How long it may take.

    """

    extension: str
    url: str
    sha256: str = ""
    policy: Policy = Policy.UNSAID
    secret: str = ""
    opens: bool = False
    seconds: float = 60.0

    @property
    def is_image(self) -> bool:
        """Whether it comes out of a registry."""
        return not self.url.startswith(HTTP_SCHEMES)

    @property
    def pin(self) -> str:
        """The digest in hex that tells the module or its image; empty: none."""
        if self.sha256 or not self.is_image:
            return self.sha256
        return image_reference(self.url).digest.removeprefix("sha256:")

    @property
    def key(self) -> str:
        """What finds it in the cache. Who has no credentials does not find theirs."""
        return f"{self.pin or self.url.removeprefix(SCHEME)} {self.secret}".strip()

    @property
    def asks_again(self) -> bool:
        """Whether the server is asked even if it is here."""
        if self.pin:
            return False
        if self.policy is Policy.UNSAID:
            return self.is_image and image_reference(self.url).moves
        return self.policy is Policy.ALWAYS


def order_of(resource: Resource) -> ModuleOrder | None:
    """Return what to fetch for ``resource``; None where there is nothing to."""
    config = _plugin(resource)
    if config is None or not config.vm_config.code.HasField("remote"):
        return None
    remote = config.vm_config.code.remote
    variables = config.vm_config.environment_variables.key_values
    known = remote.sha256 != UNPINNED
    said = variables.get(PULL_POLICY, "")
    policy = Policy(said) if said in set(Policy) else Policy.UNSAID
    return ModuleOrder(
        extension=resource.name,
        url=remote.http_uri.uri,
        sha256=remote.sha256 if known else "",
        policy=policy,
        secret=variables.get(PULL_SECRET, ""),
        opens=config.failure_policy == FailurePolicy.FAIL_OPEN,
        seconds=remote.http_uri.timeout.ToTimedelta().total_seconds() or 60.0,
    )


def file_of(raw: bytes) -> str:
    """Return the file that a serialised resource has its module from; empty: none."""
    try:
        config = _plugin(Resource.FromString(raw))
    except DecodeError:
        return ""
    return config.vm_config.code.local.filename if config else ""


def with_file(resource: Resource, path: str) -> Resource:
    """Return ``resource`` with its module out of the file ``path``."""
    wasm = _wasm(resource)
    if wasm is None:
        return resource
    machine = wasm.config.vm_config
    source = AsyncDataSource(local=DataSource(filename=path))
    machine.code.CopyFrom(source)
    for name in (PULL_POLICY, PULL_SECRET, OBJECT_VERSION):
        machine.environment_variables.key_values.pop(name, None)
    return _with(resource, wasm, resource.version)


def stand_in(resource: Resource, *, opens: bool) -> Resource:
    """Return what stands where the module of ``resource`` is missing.

    A filter that lets nothing pass, or everything.
    """
    if isinstance(_wasm(resource), NetworkWasm):
        network = network_rbac.RBAC(stat_prefix="plugin")
        if not opens:
            network.rules.SetInParent()
        return _with(resource, network, STAND_IN)
    requests = RBAC()
    if not opens:
        requests.rules.SetInParent()
    return _with(resource, requests, STAND_IN)


def without_file(raw: bytes) -> bytes:
    """Return what takes the place of a serialised resource whose file is gone."""
    resource = Resource.FromString(raw)
    config = _plugin(resource)
    opens = config is not None and config.failure_policy == FailurePolicy.FAIL_OPEN
    return stand_in(resource, opens=opens).SerializeToString(deterministic=True)


def _with(resource: Resource, config: Message, version: str) -> Resource:
    made = TypedExtensionConfig(name=resource.name)
    made.typed_config.CopyFrom(_packed(config))
    return Resource(name=resource.name, version=version, resource=_packed(made))


def _packed(message: Message) -> Packed:
    raw = message.SerializeToString(deterministic=True)
    return Packed(type_url=URL + message.DESCRIPTOR.full_name, value=raw)


def _plugin(resource: Resource) -> PluginConfig | None:
    wasm = _wasm(resource)
    return wasm.config if wasm else None


def _wasm(resource: Resource) -> Wasm | NetworkWasm | None:
    held = TypedExtensionConfig()
    try:
        if not resource.resource.Unpack(held):
            return None
        for made in (Wasm(), NetworkWasm()):
            if held.typed_config.Unpack(made):
                return made
    except DecodeError:
        return None
    return None
