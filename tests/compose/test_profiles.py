"""A Vault behind Citadel, and three members of etcd, as their env files bring them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.compose import ROOT, ComposeMesh

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

ISSUER = """
from pathlib import Path
from meltemi.identity.certificate import parse_chain
print(parse_chain(Path("/mesh/roots.pem").read_bytes())[0].subject.rfc4514_string())
"""
SEALED = """
import json, ssl, urllib.request
url = "https://localhost:8200/v1/sys/seal-status"
tls = ssl.create_default_context(cafile="/mesh/ca.pem")
try:
    print(json.load(urllib.request.urlopen(url, context=tls))["sealed"])
except OSError as error:
    print(error)
"""
OBJECT = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: far}
spec: {hosts: [far.example], ports: [{number: 80, name: http}], resolution: DNS}
"""


@pytest.fixture(scope="module")
def guarded(images: None) -> Iterator[ComposeMesh]:
    """Citadel below a Vault, and Galley on three members of etcd."""
    del images  # there
    if not (ROOT / ".tools/bin/vaultd").exists():
        pytest.skip(reason="no Vault server to put into an image: run make toolbox")
    made = ComposeMesh.new("vault.env", "ha.env")
    made.environ["COMPOSE_PROFILES"] = "vault,ha"
    made.run("build", "vault")
    with made.up("galley", "vault-pki", "etcd-1", "etcd-2"):
        yield made


def test_citadel_signs_below_the_vault_that_its_job_opened(
    guarded: ComposeMesh,
) -> None:
    issuer = guarded.inside("galley", "python3", "-c", ISSUER).strip()
    assert issuer == "CN=Root of cluster.local", "not Citadel's own, which is O=…"


def test_a_vault_that_starts_anew_is_opened_again(guarded: ComposeMesh) -> None:
    guarded.run("restart", "--timeout", "3", "vault")
    guarded.until(
        lambda: guarded.inside("vault", "python3", "-c", SEALED).strip() == "False"
    )


def test_a_member_of_etcd_may_die(guarded: ComposeMesh) -> None:
    guarded.run("kill", "etcd-1")
    write = ("galley", "sh", "-c", f"echo '{OBJECT}' | meltemi apply -f -")

    def written() -> bool:
        """Whether the write was taken: while a leader is chosen it is refused."""
        said = guarded.run("exec", "-T", *write, check=False)
        return "created" in said or "unchanged" in said

    guarded.until(written)
