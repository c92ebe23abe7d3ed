from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from meltemi.config.analysis.analyze import analyze
from meltemi.config.analysis.world import World, subject
from meltemi.config.decode import decode
from meltemi.galley.relations import Relations

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

TEXTS = {
    "ServiceEntry": (
        "networking.istio.io/v1",
        (
            "{hosts: [HOST], ports: [{number: 80, name: p, protocol: PROTOCOL}],"
            " resolution: STATIC, location: MESH_INTERNAL,"
            " workloadSelector: {labels: {app: APP}}}"
        ),
    ),
    "WorkloadEntry": (
        "networking.istio.io/v1",
        "{address: 10.0.0.1, labels: {app: APP, version: VERSION}}",
    ),
    "VirtualService": (
        "networking.istio.io/v1",
        (
            "{hosts: [HOST], gateways: [GATEWAY], http: [{route: [{destination:"
            " {host: OTHER, subset: VERSION}}]}]}"
        ),
    ),
    "DestinationRule": (
        "networking.istio.io/v1",
        "{host: HOST, subsets: [{name: VERSION, labels: {version: VERSION}}]}",
    ),
    "Gateway": (
        "networking.istio.io/v1",
        (
            "{selector: {app: APP}, servers: [{port: {number: 80, name: p, protocol:"
            " HTTP}, hosts: [HOST]}]}"
        ),
    ),
    "AuthorizationPolicy": (
        "security.istio.io/v1",
        "{selector: {matchLabels: {app: APP}}}",
    ),
    "RequestAuthentication": (
        "security.istio.io/v1",
        "{selector: {matchLabels: {app: APP}}}",
    ),
}
CLAIMS = (
    "{hosts: [HOST], gateways: [GATEWAY], http: [{match: [{headers:"
    ' {"@request.auth.claims.a": {exact: b}}}], route: [{destination: {host: OTHER}}]}]}'
)
HOSTS = (
    "a.near.svc.cluster.local",
    "b.near.svc.cluster.local",
    '"*.near.svc.cluster.local"',
    '"*.cluster.local"',
)


@st.composite
def objects(draw: st.DrawFn) -> Resource[Message]:
    kind = draw(st.sampled_from(sorted(TEXTS)))
    version, spec = TEXTS[kind]
    if kind == "VirtualService" and draw(st.booleans()):
        spec = CLAIMS.replace("GATEWAY", draw(st.sampled_from(["one", "far/two"])))
    words = {
        "HOST": draw(st.sampled_from(HOSTS)),
        "OTHER": draw(st.sampled_from(HOSTS[:2])),
        "GATEWAY": draw(st.sampled_from(["mesh", "one", "far/two"])),
        "APP": draw(st.sampled_from("ab")),
        "VERSION": draw(st.sampled_from(["v1", "v2"])),
        "PROTOCOL": draw(st.sampled_from(["HTTP", "TCP"])),
    }
    for word, text in words.items():
        spec = spec.replace(word, text)
    name = draw(st.sampled_from(["one", "two", "three"]))
    space = draw(st.sampled_from(["near", "far", "istio-system"]))
    text = (
        f"apiVersion: {version}\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: {space}}}\nspec: {spec}\n"
    )
    (found,) = decode(text.encode(), file="a", default_namespace="near")
    return found


@given(st.lists(objects(), max_size=12))
def test_the_neighbours_of_an_object_say_all_that_the_whole_mesh_says_of_it(
    given_objects: list[Resource[Message]],
) -> None:
    relations = Relations()
    for each in given_objects:
        relations.put(each)
    held = {each.key: each for each in given_objects}
    for each in held.values():
        whole = analyze(World(tuple(held.values())))
        near = {**relations.around(each), each.key: each}
        few = analyze(World(tuple(near[key] for key in held if key in near)), each.kind)
        about = subject(each)
        assert [one for one in few if one.subject == about] == [
            one for one in whole if one.subject == about
        ]


@given(st.lists(objects(), min_size=1, max_size=8))
def test_whoever_is_spoken_of_anew_depends_on_what_was_written(
    given_objects: list[Resource[Message]],
) -> None:
    *others, written = {each.key: each for each in given_objects}.values()
    relations = Relations()
    for each in (*others, written):
        relations.put(each)
    before = set(analyze(World(tuple(others))))
    after = set(analyze(World((*others, written))))
    changed = {one.subject for one in after ^ before} - {subject(written)}
    asked = {subject(each) for each in relations.dependents(written)}
    told_by_workloads = written.kind in (
        "WorkloadEntry",
        "RequestAuthentication",
        "Gateway",
    )
    assert told_by_workloads or changed <= asked


def test_what_is_removed_leaves_nothing_behind() -> None:
    relations = Relations()
    text = TEXTS["Gateway"][1].replace("HOST", "a.com").replace("APP", "a")
    whole = f"apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: one}}\nspec: {text}"
    (gateway,) = decode(whole.encode(), file="a", default_namespace="near")
    relations.put(gateway)
    relations.put(gateway)
    assert set(relations.around(gateway)) == {gateway.key}
    relations.remove(gateway.key)
    relations.remove(gateway.key)
    assert relations.get(gateway.key) is None
    assert not relations.around(gateway)
    assert not relations._providers
    assert not relations._askers
