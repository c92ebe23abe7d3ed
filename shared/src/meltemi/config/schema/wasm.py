"""What WasmPlugin and TrafficExtension say of a Wasm module."""

from enum import StrEnum

from meltemi.config.schema.free_form import FreeForm
from meltemi.config.schema.message import Message


class PluginType(StrEnum):
    """Which of Envoy's chains a module joins."""

    UNSPECIFIED_PLUGIN_TYPE = "UNSPECIFIED_PLUGIN_TYPE"
    """HTTP."""
    HTTP = "HTTP"
    NETWORK = "NETWORK"


class PullPolicy(StrEnum):
    """When an image is fetched again."""

    UNSPECIFIED_POLICY = "UNSPECIFIED_POLICY"
    """Always for the tag ``latest``, otherwise IfNotPresent."""
    IF_NOT_PRESENT = "IfNotPresent"
    ALWAYS = "Always"


class FailStrategy(StrEnum):
    """What becomes of traffic while the module fails."""

    FAIL_CLOSE = "FAIL_CLOSE"
    """It is refused."""
    FAIL_OPEN = "FAIL_OPEN"
    """It passes as if there were no module."""
    FAIL_RELOAD = "FAIL_RELOAD"
    """The module is loaded again."""


class EnvValueSource(StrEnum):
    """Where a variable's value comes from."""

    INLINE = "INLINE"
    HOST = "HOST"
    """The proxy's own environment."""


class EnvVar(Message, frozen=True, kw_only=True):
    """A variable the module sees."""

    name: str
    """What the module knows it by; each once."""
    value_from: EnvValueSource | None = None
    """Default INLINE."""
    value: str | None = None
    """For INLINE only."""


class VmConfig(Message, frozen=True, kw_only=True):
    """Settings of the module's machine."""

    env: tuple[EnvVar, ...] = ()


class WasmModule(Message, frozen=True, kw_only=True):
    """A Wasm module and how it is fetched."""

    url: str
    """``oci://``, ``file://``, ``http://`` or ``https://``; default scheme oci."""
    sha256: str | None = None
    """Of the module or the image, in hex."""
    image_pull_policy: PullPolicy | None = None
    """When it is fetched again; default: for the tag ``latest`` always."""
    image_pull_secret: str | None = None
    """A named secret with the registry's credentials."""
    verification_key: str | None = None
    """Not in use, here as in Istio."""
    plugin_config: FreeForm | None = None
    """What the module is started with."""
    plugin_name: str | None = None
    """The root id inside a module that holds several."""
    fail_strategy: FailStrategy | None = None
    """Default FAIL_CLOSE."""
    vm_config: VmConfig | None = None
    type: PluginType | None = None
    """Of which kind of filter it is; default HTTP."""
