"""``meltemi translate``: what a proxy would hold, without a mesh."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from meltemi.ctl.galley.write import Recursive
from meltemi.ctl.lens.held import Held, held
from meltemi.ctl.lens.proxies import gateway, labels, named
from meltemi.ctl.lens.running import spelled_or_running
from meltemi.ctl.lens.trace import Sources
from meltemi.ctl.output import HomeOption
from meltemi.ctl.state import StateOption
from meltemi.pilot.trace.static import bootstrap


class Form(StrEnum):
    """How to print resources."""

    JSON = "json"
    YAML = "yaml"
    ENVOY = "envoy"


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def translate(  # noqa: PLR0913 - Typer reads the signature
    *,
    state: StateOption,
    filename: Sources = [],  # noqa: B006 - Typer reads it, nobody changes it
    proxy: Annotated[
        str, typer.Option("--proxy", help="NAME, NAME.NAMESPACE or a node id.")
    ],
    gateways: Annotated[
        bool, typer.Option("--gateway", help="The proxy is a gateway.")
    ] = False,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Of the gateway: NAME=VALUE.")
    ] = None,
    output: Annotated[
        Form, typer.Option("-o", "--output", help="envoy: a bootstrap to validate.")
    ] = Form.YAML,
    namespace: HomeOption = "default",
    recursive: Recursive = False,
) -> None:
    """Show what a proxy would hold if the mesh were what FILEs say.

    Without FILEs it is what it holds in the running mesh. Such as:
    translate --proxy reviews-v1; translate -f mesh.yaml --proxy reviews-v1 -o envoy
    """
    if label and not gateways:
        raise typer.BadParameter("--label is for --gateway: workloads have their own")
    world = spelled_or_running(
        filename, state=state, namespace=namespace, recursive=recursive
    )
    about = labels(label or [])
    who = gateway(world, proxy, about) if gateways else named(world, proxy)
    found = held(world.index, who.group)
    if output is Form.ENVOY:
        typer.echo(MessageToJson(bootstrap(found.envoy, who.node_id), sort_keys=True))
        return
    value = _plain(found)
    if output is Form.JSON:
        typer.echo(json.dumps(value, indent=2, sort_keys=True))
        return
    import yaml  # noqa: PLC0415 - slow to import, seldom asked for

    typer.echo(yaml.safe_dump(value), nl=False)


def _plain(found: Held) -> dict[str, Any]:
    envoy = found.envoy
    return {
        "clusters": [_json(each) for each in envoy.clusters.values()],
        "endpoints": [_json(each) for each in envoy.assignments.values()],
        "listeners": [_json(each) for each in envoy.listeners],
        "routes": [_json(each) for each in envoy.routes.values()],
        "extensions": [_json(each) for each in envoy.extensions.values()],
    }


def _json(message: Message) -> Any:  # noqa: ANN401 - JSON
    # MessageToDict leaves OrderedDicts behind, which YAML does not know.
    return json.loads(MessageToJson(message))
