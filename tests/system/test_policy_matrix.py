"""What policies make of requests: in a table, on live Envoys, in ``authz explain``."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from meltemi.ctl.galley.text import texts
from meltemi.ctl.lens.proxies import named
from meltemi.ctl.lens.world import written
from meltemi.ctl.main import execute
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.pilot.translate.name import server_name
from meltemi.testkit.authority import authority, credential, write_credential
from meltemi.testkit.lab import Lab, start
from meltemi.testkit.matrix import (
    ALLOWED,
    BARE,
    CLOSED,
    LOCAL,
    NONE,
    OUTSIDE,
    PARTNER,
    STRANGER,
    WORKLOADS,
    Row,
    address,
    host,
    objects,
)
from meltemi.testkit.matrix_rows import ROWS
from meltemi.testkit.namespaces import missing, network
from meltemi.testkit.tokens import key_set
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from meltemi.testkit.processes import Program

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(missing()), reason=missing() or "never"),
]

FILES = Path(__file__).parent / "matrix"
MESHES = {"mesh.yaml": WORKLOADS, "strict.yaml": BARE}
ELSEWHERE = (LOCAL, PARTNER, STRANGER)
"""Those who show certificates and have no sidecar in these meshes."""
DENIED = re.compile(r"rbac_access_denied_matched_policy\[(.*)\]")
TOKENS = "envoy.filters.http.jwt_authn"
BY_POLICY = re.compile(r"ns\[(.*)\]-policy\[(.*)\]-rule\[(\d+)\]")


@dataclass(frozen=True)
class Verdict:
    """What became of a request, and by which rule: of a row, of Envoy, of explain."""

    result: str
    by: str = ""
    noted: bool = False


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("matrix")
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)  # Envoy is another user
    now = SystemClock().now()
    for who in ELSEWHERE:
        shown = credential(SpiffeId.parse(who), now=now, signer=authority(now=now))
        write_credential(folder, filed(who), shown)
    for name, workloads in MESHES.items():
        policies = (FILES / name).read_text().replace("KEYS", key_set())
        made = yaml.safe_dump_all(objects(workloads))
        (folder / name).write_text(f"{made}---\n{policies}")
    with contextlib.ExitStack() as stack:
        made_network = stack.enter_context(network())
        machines = {
            name: made_network.machine(each.address)
            for name, each in (WORKLOADS | BARE).items()
        }
        machines[OUTSIDE] = made_network.machine(OUTSIDE)
        lab = Lab(machines, folder)
        start((*applications(lab), *envoys(lab, now)), stack)
        for name in WORKLOADS | BARE:
            machines[name].capture()
        yield lab


def filed(who: str) -> str:
    """Return the name of the files with the certificate of a SPIFFE id."""
    return SpiffeId.parse(who).trust_domain


def applications(lab: Lab) -> Iterator[Program]:
    yield lab.application("checks", ["check:8080"], OUTSIDE)
    yield lab.application("friends", ["grpc:9191"], OUTSIDE, "meltemi.testkit.checker")
    for name, each in (WORKLOADS | BARE).items():
        if each.services:
            served = [one.replace("any:", "http:") for one in each.services]
            yield lab.application(name, served, name)


def envoys(lab: Lab, now: datetime) -> Iterator[Program]:
    signer = authority(now=now)
    for file, workloads in MESHES.items():
        world = written(texts([str(lab.folder / file)]), namespace="default")
        for name, each in workloads.items():
            identity = SpiffeId("cluster.local", Namespace(each.namespace), name)
            shown = credential(identity, now=now, signer=signer)
            yield lab.envoy(name, world, named(world, name), shown)


def test_every_row_shows_something_else() -> None:
    assert len({each.what for each in ROWS}) == len(ROWS) >= 60


@pytest.mark.parametrize("row", ROWS, ids=lambda each: each.what)
async def test_envoy_and_explain_do_what_is_written(
    lab: Lab, row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    said = explained(lab, row, capsys)
    wanted = Verdict(row.expected, row.by, row.noted)
    assert foretold(said, row) == wanted, "what explain says"
    assert await lived(lab, row) == wanted, "what Envoy does"


def explained(lab: Lab, row: Row, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return what the command says of a request, as JSON."""
    capsys.readouterr()
    words = [f"-H{each}" for each in row.headers]
    words += ["--jwt", row.token] if row.token else []
    words += ["--host", row.host] if row.host else []
    words += ["--tcp"] if row.tcp else []
    words += ["--address", OUTSIDE] if row.caller in ELSEWHERE else []
    file = "strict.yaml" if row.to in BARE else "mesh.yaml"
    ends = ["--from", row.caller, "--to", row.to, "--port", str(row.port)]
    asked = ["--method", row.method, "--path", row.path, *words]
    mesh = ["-f", str(lab.folder / file), "-o", "json"]
    code = execute(["authz", "explain", *ends, *asked, *mesh])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if found["allowed"] else 1)
    return found


def foretold(said: Mapping[str, Any], row: Row) -> Verdict:
    """Return what explain says, as a client would see it."""
    if not said["sure"]:
        assert not row.sure, "only what another service decides is not known"
        return Verdict(row.expected, short(said["policy"]))
    dry = [short(each["policy"]) for each in said["verdicts"] if each["dry"]]
    if said["allowed"]:
        noted = any(each["why"].startswith("LOG ") for each in said["verdicts"])
        return Verdict(ALLOWED, "".join(dry), noted)
    if said["problem"] != "ErrDenied":
        return Verdict(CLOSED)
    refusing = next(each for each in said["verdicts"] if not each["allowed"])
    result = str(refusing["status"] or CLOSED)
    if refusing["filter"] == TOKENS:
        return Verdict(result)
    return Verdict(result, short(said["policy"]) or NONE)


async def lived(lab: Lab, row: Row) -> Verdict:
    """Return what a client sees, and whom the access log of the server names."""
    log = lab.folder / row.to / "log"
    before = log.stat().st_size
    machine = lab.machines[OUTSIDE if row.caller in ELSEWHERE else row.caller]
    result, seen = machine.call(lambda: sent(lab, row))
    for name, value in row.seen:
        assert (value is None) == (name not in seen)
        assert (value or "") in seen.get(name, "")
    if result == CLOSED and not row.by:
        return Verdict(CLOSED)
    await until(lambda: bool(logged(log, before)))
    entry = logged(log, before)
    return Verdict(result, named_in(entry, row), bool(entry.get("noted")))


def logged(log: Path, since: int) -> dict[str, Any]:
    """Return the first entry of an access log after ``since`` bytes; empty: none."""
    with log.open("rb") as file:
        file.seek(since)
        for line in file:
            if line.startswith(b"{") and line.endswith(b"}\n"):
                found: dict[str, Any] = json.loads(line)
                return found
    return {}


def named_in(entry: Mapping[str, Any], row: Row) -> str:
    """Return the rule that an entry of the access log names."""
    said = f"{entry['details']} {entry['end']}"
    refused = DENIED.search(said)
    if refused:
        return short(refused[1])
    if row.expected != ALLOWED and not row.by:
        assert "jwt_authn_access_denied" in said
    if not row.sure:
        assert ("ext_authz_denied" in said) == (row.expected != ALLOWED)
        return short(str(entry["checked_bytes" if row.tcp else "checked"]))
    return short(str(entry.get("dry") or ""))


def short(policy: str) -> str:
    """Return ``NAMESPACE/POLICY[RULE]`` for the name that Envoy has for a rule."""
    found = BY_POLICY.search(policy)
    return f"{found[1]}/{found[2]}[{found[3]}]" if found else policy.strip("-")


def sent(lab: Lab, row: Row) -> tuple[str, Mapping[str, str]]:
    """Return what became of a request, and the headers that arrived."""
    direct = row.caller in (*ELSEWHERE, OUTSIDE)
    at = (WORKLOADS | BARE)[row.to].address if direct else address(row.to)
    try:
        plain = socket.create_connection((at, row.port), 5)
        connection = secured(lab, row, plain) if row.caller in ELSEWHERE else plain
        with contextlib.closing(connection):
            return line(connection) if row.tcp else asked(connection, row)
    except (OSError, http.client.HTTPException):
        return CLOSED, {}


def secured(lab: Lab, row: Row, plain: socket.socket) -> ssl.SSLSocket:
    """Return a connection as a sidecar elsewhere makes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    name = filed(row.caller)
    context.load_cert_chain(lab.folder / f"{name}.pem", lab.folder / f"{name}.key")
    context.set_alpn_protocols(["istio-http/1.1", "istio", "http/1.1"])
    told = server_name(row.port, "", host(row.to))
    return context.wrap_socket(plain, server_hostname=told)


def asked(connection: socket.socket, row: Row) -> tuple[str, Mapping[str, str]]:
    """Return the answer to a request; what the application got stands in it."""
    client = http.client.HTTPConnection("unused", timeout=5)
    client.sock = connection
    pairs = [each.partition(": ") for each in row.headers]
    headers = {name: value for name, _, value in pairs}
    if row.token:
        headers["authorization"] = f"Bearer {row.token}"
    headers["host"] = row.host or host(row.to)
    client.request(row.method, row.path, headers=headers)
    response = client.getresponse()
    body = response.read()
    if response.status != http.HTTPStatus.OK:
        return str(response.status), {}
    found = json.loads(body)
    assert found["app"] == row.to
    return ALLOWED, found["headers"]


def line(connection: socket.socket) -> tuple[str, Mapping[str, str]]:
    """Return whether a line was answered."""
    connection.sendall(b"hello\n")
    return (ALLOWED if connection.recv(100) else CLOSED), {}
