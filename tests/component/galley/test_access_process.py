"""Rights as they are on a mesh: Galley's own process, TLS, a real etcd, the CLI."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from meltemi.ctl.main import execute
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.identity import SpiffeId
from meltemi.testkit.authority import authority, credential, write_credential
from meltemi.testkit.processes import (
    Program,
    accepts,
    etcd_server,
    free_port,
    nats_server,
    python,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NOW = SystemClock().now()
DEPLOYER = "spiffe://cluster.local/ns/ci/sa/deployer"
A_ONLY = {"verbs": ["read", "write"], "kinds": ["*"], "namespaces": ["a"]}
RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rule, namespace: NS}
spec: {host: reviews}
"""
FILTER = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: filter, namespace: NS}
spec:
  configPatches:
  - applyTo: CLUSTER
    match: {context: SIDECAR_OUTBOUND}
    patch: {operation: MERGE, value: {connect_timeout: 5s}}
"""
PLUGIN = """\
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: plugin, namespace: NS}
spec: {url: "oci://example.com/plugin:v1"}
"""


@dataclass(frozen=True)
class Mesh:
    """A Galley elsewhere, and a shell before it."""

    folder: Path
    environ: Mapping[str, str]
    etcd: str

    def run(
        self, *words: str, token: str = "", cert: bool = False
    ) -> tuple[int, str, str]:
        """Run a command as the bearer of ``token``; return its code and output."""
        with (
            pytest.MonkeyPatch.context() as patch,
            CliRunner().isolation() as (
                out,
                err,
                _,
            ),
        ):
            given = {"MELTEMI_TOKEN": token} if token else {}
            if cert:
                given |= {
                    "MELTEMI_CERT": str(self.folder / "deployer.pem"),
                    "MELTEMI_KEY": str(self.folder / "deployer.key"),
                }
            for name, text in {**self.environ, **given}.items():
                patch.setenv(name, text)
            code = execute(words)
            return code, out.getvalue().decode(), err.getvalue().decode()

    def do(self, *words: str) -> str:
        code, out, err = self.run(*words, token="secret")  # noqa: S106 - the test's own
        assert code == 0, err
        return out.strip()

    def file(self, text: str, namespace: str) -> str:
        path = self.folder / f"{namespace}.yaml"
        path.write_text(text.replace("NS", namespace))
        return str(path)


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    server = credential(now=NOW, signer=authority(now=NOW), local_server=True)
    chain, key = write_credential(tmp_path, "server", server)
    deployer = credential(SpiffeId.parse(DEPLOYER), now=NOW, signer=authority(now=NOW))
    write_credential(tmp_path, "deployer", deployer)
    (tmp_path / "roots.pem").write_text(server.roots_pem)
    (tmp_path / "token").write_text("secret\n")
    bound = {"identity": DEPLOYER, "scopes": [A_ONLY]}
    (tmp_path / "access.json").write_text(json.dumps({"certificates": [bound]}))
    port = free_port()
    with etcd_server() as etcd, nats_server() as nats:
        environ = {
            "PATH": os.defpath,
            "GALLEY_HTTP_ADDRESS": f"0.0.0.0:{port}",
            "GALLEY_TLS_CERT_FILE": str(chain),
            "GALLEY_TLS_KEY_FILE": str(key),
            "GALLEY_CLIENT_CA_FILE": str(tmp_path / "roots.pem"),
            "GALLEY_ACCESS_FILE": str(tmp_path / "access.json"),
            "GALLEY_ETCD_ENDPOINTS": etcd.address,
            "GALLEY_NATS_URL": nats.url,
            "GALLEY_ADMIN_TOKEN_FILE": str(tmp_path / "token"),
        }
        log = tmp_path / "galley.log"
        argv = python("meltemi.galley")
        with running(Program(argv, lambda: accepts(port), log, environ)):
            shell = {
                "MELTEMI_SERVER": f"https://127.0.0.1:{port}",
                "MELTEMI_CA": str(tmp_path / "roots.pem"),
            }
            yield Mesh(tmp_path, shell, etcd.address)


def test_t1_a_token_for_one_namespace_stays_there_and_the_audit_says_so(
    mesh: Mesh,
) -> None:
    token = mesh.do("token", "create", "team-a", "--scope", "read,write:a")
    mesh.do("apply", "-f", mesh.file(RULE, "b"))
    allowed = mesh.run("apply", "-f", mesh.file(RULE, "a"), token=token)
    assert allowed[0] == 0, allowed
    for text, namespace in (
        (RULE, "b"),
        (RULE, "istio-system"),
        (FILTER, "a"),
        (PLUGIN, "a"),
    ):
        path = mesh.file(text, namespace)
        for words in (("apply",), ("apply", "--atomic"), ("delete",)):
            code, _, err = mesh.run(*words, "-f", path, token=token)
            assert (code, "has no scope to" in err) == (77, True), (words, text, err)
    for line in ("get dr -n b", "get dr -A", "ps"):
        assert mesh.run(*line.split(), token=token)[0] == 77, line
    assert mesh.run("get", "dr", "-n", "a", token=token)[0] == 0
    audit = json.loads(mesh.do("events", "-o", "json", "--tail", "100"))
    refused = [each for each in audit if not each["allowed"]]
    assert len(refused) == 12
    assert {(each["actor"], each["outcome"]) for each in refused} == {
        ("team-a", "caller.forbidden")
    }
    found = json.loads(mesh.do("get", "dr", "-A", "-o", "json"))["items"]
    assert [each["metadata"]["namespace"] for each in found] == ["a", "b"]
    assert found[1]["metadata"]["managedFields"][-1]["manager"] == "admin"


def test_t2_scopes_that_name_them_open_the_powerful_kinds_and_the_root(
    mesh: Mesh,
) -> None:
    named = mesh.do("token", "create", "ops", "--scope", "*:a:EnvoyFilter,WasmPlugin")
    for text in (FILTER, PLUGIN):
        assert mesh.run("apply", "-f", mesh.file(text, "a"), token=named)[0] == 0
        path = mesh.file(text, "istio-system")
        assert mesh.run("apply", "-f", path, token=named)[0] == 77
    root = mesh.do("token", "create", "root", "--scope", "*:istio-system")
    path = mesh.file(RULE, "istio-system")
    assert mesh.run("apply", "-f", path, token=root)[0] == 0


def test_tokens_are_listed_and_revoked(mesh: Mesh) -> None:
    token = mesh.do("token", "create", "ci", "--scope", "read:a,b:vs", "--ttl", "1h")
    line = mesh.do("token", "list").splitlines()[1].split()
    assert (line[1], line[-1]) == ("ci", "get,list,watch:a,b:VirtualService")
    assert mesh.run("token", "list", token=token)[0] == 77
    assert mesh.run("get", "vs", "-n", "b", token=token)[0] == 0
    assert mesh.do("token", "revoke", line[0]) == f"token/{line[0]} revoked"
    assert mesh.run("get", "vs", "-n", "b", token=token)[0] == 77
    assert mesh.run("token", "revoke", line[0], token="secret")[0] == 1  # noqa: S106 - the test's own


def test_a_certificate_does_instead_of_a_token(mesh: Mesh) -> None:
    assert mesh.run("apply", "-f", mesh.file(RULE, "a"), cert=True)[0] == 0
    assert mesh.run("apply", "-f", mesh.file(RULE, "b"), cert=True)[0] == 77
    assert mesh.run("get", "dr", "-n", "a")[0] == 77, "nobody is nobody"
