"""Settings: frozen values read once from the environment, strays refused."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, TypeVar, get_origin

from pydantic import BeforeValidator, ValidationError
from pydantic_core import core_schema
from pydantic_settings import BaseSettings, SettingsConfigDict

from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.dial_rule import Network, networks

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_settings import PydanticBaseSettingsSource

CONTAINERS = (Mapping, Sequence, dict, list, tuple, frozenset, set)
HIGHEST_PORT = 65535


class SettingsError(MeshError):
    """The environment does not describe this service."""

    code = "settings.invalid"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where to listen or to connect. Usable as the type of a setting."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine is reached there; a name could lead anywhere."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return the address that ``HOST:PORT`` (or ``[IPv6]:PORT``) spells.

        Raises:
            ValueError: If it is not one, saying what is wrong.

        """
        host, colon, port = text.strip().rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdecimal():
            raise ValueError(f"expected HOST:PORT, found {text!r}")
        if not 1 <= int(port) <= HIGHEST_PORT:
            raise ValueError(f"expected a port from 1 to 65535, found {port}")
        return cls(host, int(port))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Accept an address or its text, and print it as text."""
        return core_schema.union_schema(
            [
                core_schema.is_instance_schema(cls),
                core_schema.no_info_after_validator_function(
                    cls.parse, core_schema.str_schema()
                ),
            ],
            mode="left_to_right",
            serialization=core_schema.to_string_ser_schema(),
        )


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part for part in value.split(",") if part.strip())


Addresses = Annotated[tuple[Address, ...], BeforeValidator(_split)]
"""``HOST:PORT,HOST:PORT``: one or more places of the same service."""


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    return networks(tuple(part.strip() for part in value.split(",") if part.strip()))


Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
"""``10.1.0.0/16,127.0.0.1``: networks and single addresses."""


class ServiceSettings(BaseSettings):
    """A service's settings: subclasses set ``env_prefix`` and the fields."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `read_settings` read, and look nowhere else."""
        return (init_settings,)


S = TypeVar("S", bound=ServiceSettings)


def read_settings(cls: type[S], environ: Mapping[str, str]) -> S:
    """Return the settings of ``cls`` from the variables that carry its prefix.

    A mapping or a list is written as JSON; `Addresses` as a comma list.

    Raises:
        SettingsError: One line naming every variable that is unknown, missing or
            malformed.

    """
    prefix = cls.model_config.get("env_prefix", "")
    known = {prefix + name.upper(): name for name in cls.model_fields}
    given = [name for name in environ if prefix and name.startswith(prefix)]
    strays = sorted(name for name in given if name not in known)
    if strays:
        raise SettingsError("; ".join(_unknown(name, known) for name in strays))
    values = {
        field: _decoded(cls, field, environ[name])
        for name, field in known.items()
        if name in environ
    }
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_problems(error, prefix)) from None


def _unknown(name: str, known: Mapping[str, str]) -> str:
    near = get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    return f"{name} is not a setting: {advice}"


def _decoded(cls: type[ServiceSettings], field: str, text: str) -> object:
    annotation = cls.model_fields[field].annotation
    container = get_origin(annotation) or annotation
    if container not in CONTAINERS or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        value: object = json.loads(text)
    except ValueError:
        return text  # validation then says what was expected instead
    return value


def _problems(error: ValidationError, prefix: str) -> str:
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        name = prefix + ".".join(str(part) for part in problem["loc"]).upper()
        if not problem["loc"]:
            lines.append(problem["msg"].removeprefix("Value error, "))
        elif problem["type"] == "missing":
            lines.append(f"{name} is not set")
        else:
            lines.append(f"{name}={problem['input']!r}: {problem['msg']}")
    return "; ".join(lines)
