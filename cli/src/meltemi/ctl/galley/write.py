"""``meltemi apply`` and ``meltemi delete``."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from meltemi.config.canonical import content
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KINDS
from meltemi.config.resource import Resource
from meltemi.config.schema.message import Message
from meltemi.ctl.galley.client import (
    EXIT_INPUT,
    NOT_FOUND,
    Galley,
    failed,
    warn,
)
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target, selecting, several, target_of
from meltemi.ctl.galley.text import read_all
from meltemi.ctl.galley.wait import seconds, wait_arrived
from meltemi.ctl.output import NamespaceOption, ReasonOption, SelectorOption
from meltemi.ctl.state import StateOption
from meltemi.kernel.names import Key

REASON = "Meltemi-Reason"
MOST_TOGETHER = "at most 128 new or 64 changed ones"
"""An etcd transaction takes 128 writes; a changed object's last version is one, too."""
TOO_MANY = 413
Files = Annotated[
    list[str],
    typer.Option("-f", "--filename", help="A file, a folder, or - for standard input."),
]
Recursive = Annotated[
    bool, typer.Option("-R", "--recursive", help="Folders in folders too.")
]


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@dataclass(frozen=True)
class Manner:
    """How to write."""

    dry_run: bool
    reason: str

    @property
    def query(self) -> str:
        """What the URL says of it."""
        return "?dryRun=All" if self.dry_run else ""

    @property
    def headers(self) -> dict[str, str]:
        """What the headers say of it."""
        return {REASON: self.reason} if self.reason else {}


@commands.command()
def apply(  # noqa: PLR0913 - Typer reads the signature
    *,
    filename: Files,
    state: StateOption,
    namespace: NamespaceOption = "",
    recursive: Recursive = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Let Galley check, and write nothing.")
    ] = False,
    atomic: Annotated[
        bool, typer.Option("--atomic", help=f"All at once, or none; {MOST_TOGETHER}.")
    ] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete what -l selects there and no file holds."),
    ] = False,
    selector: SelectorOption = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Until every proxy holds what was written.")
    ] = False,
    timeout: Annotated[str, typer.Option(help="How long --wait waits.")] = "60s",
    reason: ReasonOption = "",
) -> None:
    """Write objects: all of them are checked before the first is written.

    Such as: apply -f mesh/ -R --wait; apply -f - --dry-run;
    apply -f team-a/ --prune -l team=a
    """
    if prune and not selector:
        raise typer.BadParameter("--prune needs -l: say what belongs to these files")
    if selector and not prune:
        raise typer.BadParameter("-l is for --prune: files are applied whole")
    limit = seconds(timeout)
    resources = read(filename, namespace, recursive=recursive)
    galley, manner = connect(state), Manner(dry_run, reason)
    if atomic:
        apply_batch(galley, resources, manner)
    else:
        for resource in resources:
            apply_one(galley, resource, manner)
    if prune:
        _prune(galley, resources, selector, manner)
    if wait and not dry_run:
        _wait(galley, resources, limit)


@commands.command()
def delete(  # noqa: PLR0913 - Typer reads the signature
    words: Annotated[
        list[str] | None, typer.Argument(metavar="KIND[,KIND] [NAME...]|KIND/NAME...")
    ] = None,
    *,
    state: StateOption,
    filename: Files = [],  # noqa: B006 - Typer reads it, nobody changes it
    namespace: NamespaceOption = "",
    recursive: Recursive = False,
    selector: SelectorOption = "",
    reason: ReasonOption = "",
) -> None:
    """Remove objects: by name, by labels, or as they stand in files.

    Such as: delete vs reviews; delete vs/a dr/b; delete all -l team=a; delete -f a.yaml
    """
    found = read(filename, namespace, recursive=recursive)
    targets = [target_of(each) for each in found]
    targets += several(words or [], namespace)
    manner = Manner(dry_run=False, reason=reason)
    if selector and targets and not any(each.name for each in targets):
        galley = connect(state)
        for each in targets:
            _delete_selected(galley, each, selector, manner)
        return
    if not targets or selector or not all(each.name for each in targets):
        raise typer.BadParameter("say what: KIND NAME, KIND -l SELECTOR, or -f FILE")
    galley = connect(state)
    missing = [each for each in reversed(targets) if not _delete(galley, each, manner)]
    if missing:
        raise typer.Exit(1)


def read(
    names: list[str], namespace: str, *, recursive: bool = False
) -> list[Resource[Message]]:
    """Return the objects in ``names``, or print what is wrong with them and exit."""
    try:
        return read_all(names, namespace=namespace, recursive=recursive)
    except InvalidConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_INPUT) from None


def body_of(resource: Resource[Message]) -> dict[str, Any]:
    """Return what to send of ``resource``."""
    body: dict[str, Any] = json.loads(content(resource))
    if resource.metadata.resource_version:
        body["metadata"]["resourceVersion"] = resource.metadata.resource_version
    return body


def apply_one(galley: Galley, resource: Resource[Message], manner: Manner) -> None:
    """Write one object and say what became of it."""
    where = target_of(resource)
    body = json.dumps(body_of(resource)).encode()
    path = where.path + manner.query
    answer = galley.send("PUT", path, body, headers=manner.headers)
    warn(answer, where.subject)
    if not answer.ok:
        raise failed(answer)
    _say(where, answer.outcome, answer.body, manner)


def apply_batch(
    galley: Galley, resources: Sequence[Resource[Message]], manner: Manner
) -> None:
    """Write all objects in one transaction, and say what became of each."""
    body = json.dumps([body_of(each) for each in resources]).encode()
    path = "/api/v1/batch" + manner.query
    answer = galley.send("POST", path, body, headers=manner.headers)
    warn(answer)
    if answer.status == TOO_MANY:
        typer.echo(
            f"meltemi: --atomic takes {MOST_TOGETHER}, as one transaction of etcd "
            f"does, and {len(resources)} objects are here: nothing was written; split "
            "the files, or leave out --atomic",
            err=True,
        )
        raise typer.Exit(EXIT_INPUT)
    if not answer.ok:
        raise failed(answer)
    for resource, told in zip(resources, answer.body["items"], strict=True):
        _say(target_of(resource), told["outcome"], told["object"], manner)


def _say(where: Target, outcome: str, found: dict[str, Any], manner: Manner) -> None:
    revision = found["metadata"].get("resourceVersion", "")
    aside = f"revision {revision}"
    if manner.dry_run:
        affected = found.get("status", {}).get("affectedProxies", [])
        aside = f"dry run, nothing written; {len(affected)} proxies affected"
    typer.echo(f"{where.title} {outcome} in {where.namespace} ({aside})")


def _prune(
    galley: Galley,
    resources: Sequence[Resource[Message]],
    selector: str,
    manner: Manner,
) -> None:
    """Delete what is selected in the namespaces of ``resources`` and not of them."""
    kept = {each.key for each in resources}
    for namespace in sorted({each.metadata.namespace for each in resources}):
        for kind in KINDS:
            here = Target(kind, namespace)
            answer = galley.get(here.path + selecting(selector))
            if not answer.ok:
                raise failed(answer)
            names = [each["metadata"]["name"] for each in answer.body["items"]]
            held = {each.name for each in kept if _is_at(each, here)}
            for name in names:
                if name not in held:
                    _delete(galley, Target(kind, namespace, name), manner)


def _is_at(key: Key, here: Target) -> bool:
    return key.kind == here.kind.name and key.namespace == here.namespace


def _wait(galley: Galley, resources: Sequence[Resource[Message]], limit: float) -> None:
    for resource in resources:
        code = wait_arrived(galley, target_of(resource), "", limit)
        if code:
            raise typer.Exit(code)


def _delete(galley: Galley, where: Target, manner: Manner) -> bool:
    path = where.path + manner.query
    answer = galley.send("DELETE", path, headers=manner.headers)
    if answer.status == NOT_FOUND:
        typer.echo(f"{where.title} is not there, in {where.namespace}", err=True)
        return False
    if not answer.ok:
        raise failed(answer)
    warn(answer, where.subject)
    revision = answer.body["metadata"]["resourceVersion"]
    aside = "dry run" if manner.dry_run else f"revision {revision}"
    typer.echo(f"{where.title} deleted in {where.namespace} ({aside})")
    return True


def _delete_selected(
    galley: Galley, where: Target, selector: str, manner: Manner
) -> None:
    path = where.path + selecting(selector)
    answer = galley.send("DELETE", path, headers=manner.headers)
    if not answer.ok:
        raise failed(answer)
    warn(answer)
    for name in answer.body["details"]["removed"]:
        title = Target(where.kind, where.namespace, name).title
        typer.echo(f"{title} deleted in {where.namespace}")
