"""What the mesh has a proxy start with: MeshConfig and ProxyConfigs, merged. No I/O.

Source:
    Istio's pilot/pkg/model/proxy_config.go, EffectiveProxyConfig: defaultConfig, the
    root namespace's object, the namespace's, the annotation, the selected workloads'.

"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.heard import (
    HEARD_BELOW,
    HOSTS_APART,
    META,
    RESERVED,
    TELLABLE,
    VARIABLES,
    spelled,
)
from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.schema.traffic_policy import ClientTLSMode, ClientTLSSettings
from meltemi.config.values import decode_value, encode_value
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.mesh_config import MeshConfig
    from meltemi.config.schema.proxy_config import ProxyConfig

PATH: Final = "/api/v1/starting"
"""Where Galley tells it, below which stands the namespace."""
WITHOUT_FILES: Final = (None, ClientTLSMode.DISABLE, ClientTLSMode.ISTIO_MUTUAL)


class InvalidWordsError(MeshError):
    """What Galley answered is not what a proxy starts with."""

    code = "agent.starting-words"
    blame = Blame.PEER


class Words(msgspec.Struct, frozen=True):
    """What the mesh says to one workload.

    Attributes:
        below: What the agent's own ProxyConfig wins over.
        above: What wins over that: of the object that selects the workload.
        sources: The objects it was made from, lowest first.

    """

    below: ProxyDefaults = ProxyDefaults()
    above: ProxyDefaults = ProxyDefaults()
    sources: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return it as JSON, the same for equal words."""
        return msgspec.json.encode(self, enc_hook=encode_value, order="sorted")

    @classmethod
    def decode(cls, text: bytes) -> Words:
        """Return what `encode` wrote.

        Raises:
            InvalidWordsError: If it did not.

        """
        try:
            return msgspec.json.decode(text, type=cls, dec_hook=decode_value)
        except (msgspec.DecodeError, MeshError) as error:
            raise InvalidWordsError(f"not what a proxy starts with: {error}") from error

    def over(self, own: ProxyDefaults) -> ProxyDefaults:
        """Return what holds for an agent that was told ``own`` on its machine.

        Whatever the mesh may not say is left out, whoever said it.
        """
        return over(tellable(self.above), over(own, tellable(self.below)))


def words(
    mesh: Resource[MeshConfig] | None,
    wide: Sequence[Resource[ProxyConfig]],
    own: Sequence[Resource[ProxyConfig]],
    labels: Mapping[str, str],
) -> Words:
    """Return what the mesh says to a workload with ``labels``.

    Of several objects of one reach the oldest holds.

    Args:
        mesh: The MeshConfig, whose defaultConfig it is.
        wide: The root namespace's objects, where that is not the workload's own.
        own: The objects of the workload's namespace.
        labels: The workload's.

    """
    lower = [each for each in (_unselective(wide), _unselective(own)) if each]
    upper = _oldest([each for each in own if _selects(each, labels)])
    defaults = mesh.spec.default_config if mesh else None
    below = tellable(defaults or ProxyDefaults())
    for each in lower:
        below = over(tellable(as_defaults(each.spec)), below)
    above = tellable(as_defaults(upper.spec)) if upper else ProxyDefaults()
    found = [mesh if defaults else None, *lower, upper]
    return Words(below, above, tuple(str(each.key) for each in found if each))


def as_defaults(spec: ProxyConfig) -> ProxyDefaults:
    """Return what an object of kind ProxyConfig says in MeshConfig's words."""
    return ProxyDefaults(
        concurrency=spec.concurrency,
        image=spec.image,
        proxy_metadata=spec.environment_variables,
    )


def over(above: ProxyDefaults, below: ProxyDefaults) -> ProxyDefaults:
    """Return ``above``, and where it says nothing ``below``; metadata name by name."""
    said = {name: getattr(above, name) for name in _said(above)}
    said["proxy_metadata"] = {**below.proxy_metadata, **above.proxy_metadata}
    return msgspec.structs.replace(below, **said)


def tellable(config: ProxyDefaults) -> ProxyDefaults:
    """Return what of ``config`` a machine takes from the mesh."""
    kept: dict[str, object] = {}
    for name in _said(config):
        if name in TELLABLE and not _by_files(getattr(config, name)):
            kept[name] = getattr(config, name)
    for name, heard in HEARD_BELOW.items():
        part = kept.get(name)
        if isinstance(part, msgspec.Struct):
            inner = {each: getattr(part, each) for each in heard}
            kept[name] = type(part)(**inner)
    variables = config.proxy_metadata.items()
    kept["proxy_metadata"] = {
        name: each for name, each in variables if is_tellable(name)
    }
    return msgspec.structs.replace(ProxyDefaults(), **kept)


def untold(config: ProxyDefaults) -> Iterator[str]:
    """Yield each part of ``config`` that no machine takes from the mesh, as spelled."""
    for name in _said(config):
        if name not in TELLABLE:
            yield spelled(name)
        elif _by_files(getattr(config, name)):
            yield f"{spelled(name)}.tlsSettings"
    for name in config.proxy_metadata:
        if name != HOSTS_APART and not is_tellable(name):  # Pilot itself reads that
            yield f'proxyMetadata["{name}"]'


def is_tellable(variable: str) -> bool:
    """Tell whether the mesh may set ``variable`` of an agent."""
    if variable.startswith(META):
        return not variable.removeprefix(META).startswith(RESERVED)
    return variable in VARIABLES


def _by_files(said: object) -> bool:
    """Tell whether a peer is spoken to with certificates out of files."""
    tls = getattr(said, "tls_settings", None)
    return isinstance(tls, ClientTLSSettings) and tls.mode not in WITHOUT_FILES


def _said(config: ProxyDefaults) -> Iterator[str]:
    for name in config.__struct_fields__:
        if getattr(config, name) not in (None, (), {}):
            yield name


def _unselective(
    found: Sequence[Resource[ProxyConfig]],
) -> Resource[ProxyConfig] | None:
    return _oldest([each for each in found if not _labels(each.spec)])


def _selects(one: Resource[ProxyConfig], labels: Mapping[str, str]) -> bool:
    wanted = _labels(one.spec)
    return bool(wanted) and wanted.items() <= labels.items()


def _labels(spec: ProxyConfig) -> Mapping[str, str]:
    return spec.selector.match_labels if spec.selector else {}


def _oldest(found: Sequence[Resource[ProxyConfig]]) -> Resource[ProxyConfig] | None:
    def age(each: Resource[ProxyConfig]) -> tuple[str, str]:
        return each.metadata.creation_timestamp, each.metadata.name

    return min(found, key=age, default=None)
