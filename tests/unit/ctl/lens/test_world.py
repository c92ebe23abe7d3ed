from __future__ import annotations

from meltemi.config.decode import decode
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.ctl.lens.world import changed_by, stored

RULE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: default BORN}
spec: {hosts: [HOST], http: [{route: [{destination: {host: a}}]}]}
"""


def rule(name: str, host: str, born: str = "") -> bytes:
    text = RULE.replace("NAME", name).replace("HOST", host)
    age = f", creationTimestamp: '{born}'" if born else ""
    return text.replace(" BORN", age).encode()


def order(*changes: bytes) -> list[tuple[str, str]]:
    there = [
        *decode(
            rule("m", "one", "2030-01-01T00:00:00Z"), file="", default_namespace=""
        ),
        *decode(
            rule("z", "one", "2020-01-01T00:00:00Z"), file="", default_namespace=""
        ),
    ]
    resources = [
        each
        for change in changes
        for each in decode(change, file="", default_namespace="")
    ]
    world = changed_by(stored(there, {}), resources)
    found = world.mesh.of(VirtualService)
    return [(each.metadata.name, each.spec.hosts[0]) for each in found]


def test_what_is_written_anew_is_the_youngest_and_settles_no_conflict() -> None:
    assert order(rule("a", "two")) == [("z", "one"), ("m", "one"), ("a", "two")]


def test_what_is_written_again_keeps_its_age() -> None:
    assert order(rule("z", "two")) == [("z", "two"), ("m", "one")]
