from __future__ import annotations

import json
from time import process_time

import pytest

from meltemi.config.decode import OBJECT_LIMIT, TEXT_LIMIT, decode
from meltemi.config.finding import Finding, InvalidConfigError
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.config.values import Duration

REVIEWS = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - timeout: 1m
    route:
    - destination: {host: reviews, subset: v1}
      weight: 90
    - destination: {host: reviews, subset: v2}
      weight: 10
"""


def findings(text: str | bytes) -> tuple[Finding, ...]:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(InvalidConfigError) as caught:
        decode(data, file="f.yaml", default_namespace="default")
    return caught.value.findings


def told(text: str | bytes) -> list[str]:
    return [str(finding) for finding in findings(text)]


def test_a_typical_yaml_object_becomes_typed_values() -> None:
    (found,) = decode(REVIEWS.encode(), file="f", default_namespace="prod")
    assert str(found.key) == "VirtualService/prod/reviews"
    assert isinstance(found.spec, VirtualService)
    assert found.spec.http[0].timeout == Duration.parse("60s")
    assert [each.weight for each in found.spec.http[0].route] == [90, 10]


def test_json_and_yaml_of_one_object_are_equal() -> None:
    (yaml,) = decode(REVIEWS.encode(), file="f", default_namespace="default")
    spec = {
        "hosts": ["reviews"],
        "http": [
            {
                "timeout": "60s",
                "route": [
                    {"destination": {"host": "reviews", "subset": "v1"}, "weight": 90},
                    {"destination": {"host": "reviews", "subset": "v2"}, "weight": 10},
                ],
            }
        ],
    }
    text = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews"},
        "spec": spec,
    }
    data = json.dumps(text).encode()
    assert decode(data, file="f", default_namespace="default") == (yaml,)


def test_every_problem_of_every_document_is_told_with_its_place() -> None:
    text = REVIEWS.replace("weight: 90", "weight: many").replace("1m", "10") + (
        "---\n" + REVIEWS.replace("hosts: [", "hots: [")
    )
    assert told(text) == [
        (
            "f.yaml:8:14: WRONG_TYPE expected duration, found integer '10' "
            "(spec.http[0].timeout) — write a number with its unit, such as 500ms, 10s "
            "or 1h30m"
        ),
        (
            "f.yaml:11:15: WRONG_TYPE expected integer, found string 'many' "
            "(spec.http[0].route[0].weight) — write it without quotes"
        ),
        (
            "f.yaml:20:3: UNKNOWN_FIELD unknown field 'hots' (spec.hots) — "
            "did you mean 'hosts'?"
        ),
    ]
    assert [each.source.document for each in findings(text)] == [1, 1, 2]


def test_documents_without_content_are_skipped() -> None:
    text = f"# nothing\n---\n{REVIEWS}---\n---\n{REVIEWS}"
    assert len(decode(text.encode(), file="f", default_namespace="default")) == 2


def test_a_text_without_objects_says_so() -> None:
    assert told("# nothing\n")[0].startswith("f.yaml:1:1: EMPTY no object here")


@pytest.mark.parametrize(
    ("old", "new", "told_of"),
    [
        (
            "kind: VirtualService",
            "kind: VirtualServce",
            (
                "f.yaml:2:7: UNKNOWN_KIND unknown kind 'VirtualServce' (kind) — "
                "did you mean 'VirtualService'?"
            ),
        ),
        (
            "networking.istio.io/v1",
            "networking.istio.io/v2",
            (
                "f.yaml:1:13: UNKNOWN_VERSION VirtualService is not served as "
                "'networking.istio.io/v2' (apiVersion) — did you mean "
                "'networking.istio.io/v1'?"
            ),
        ),
        (
            "name: reviews",
            "name: Reviews",
            (
                "f.yaml:4:9: NAME 'Reviews' is not a name of at most 253 characters "
                "(metadata.name) — use lower-case letters, digits, '-' and '.' "
                "(RFC 1123)"
            ),
        ),
        (
            "  name: reviews",
            "  name: reviews\n  labels: {country: NO}",
            (
                "f.yaml:5:21: WRONG_TYPE expected string, found boolean 'NO' "
                '(metadata.labels["country"]) — quote it: "NO"'
            ),
        ),
        (
            "subset: v1",
            "subset: 1",
            (
                "f.yaml:10:44: WRONG_TYPE expected string, found integer '1' "
                '(spec.http[0].route[0].destination.subset) — quote it: "1"'
            ),
        ),
        (
            "weight: 90",
            "weight: 90\n      weight: 80",
            (
                "f.yaml:12:7: DUPLICATE_KEY the key 'weight' stands twice in one map — "
                "the first one is on line 11: keep one"
            ),
        ),
        (
            "{host: reviews, subset: v1}",
            "{subset: v1}",
            (
                "f.yaml:10:20: REQUIRED host is required "
                "(spec.http[0].route[0].destination.host)"
            ),
        ),
        (
            "- timeout: 1m",
            "- match: [{uri: {exact: /a, prefix: /b}}]",
            (
                "f.yaml:8:31: ONE_OF only one may be set: exact and prefix "
                "(spec.http[0].match[0].uri)"
            ),
        ),
        (
            "weight: 90",
            "weight: -90",
            (
                "f.yaml:11:15: IST0106 must not be negative, got -90 "
                "(spec.http[0].route[0].weight)"
            ),
        ),
        (
            "weight: 90",
            "weight: 2147483648",
            (
                "f.yaml:11:15: OUT_OF_RANGE must be from -2147483648 to 2147483647, "
                "got 2147483648 (spec.http[0].route[0].weight)"
            ),
        ),
        (
            "hosts: [reviews]",
            "hosts: *all",
            (
                "f.yaml:6:10: ALIAS an alias is not allowed — write the value out in "
                "each place"
            ),
        ),
        (
            "hosts: [reviews]",
            "hosts: &all [reviews]",
            (
                "f.yaml:6:10: ALIAS an anchor is not allowed — write the value out in "
                "each place"
            ),
        ),
        (
            "hosts: [reviews]",
            "hosts: !!python/tuple [reviews]",
            (
                "f.yaml:6:10: TAG the tag 'tag:yaml.org,2002:python/tuple' is not "
                "allowed — remove the tag; put strings in quotes"
            ),
        ),
        (
            "hosts: [reviews]",
            "hosts: [reviews",
            (
                "f.yaml:6:10: MALFORMED_YAML malformed YAML: while parsing a flow "
                "sequence: did not find expected ',' or ']' — check the indentation "
                "and the quotes around this line"
            ),
        ),
        (
            "  hosts: [reviews]",
            "\thosts: [reviews]",
            (
                "f.yaml:6:1: MALFORMED_YAML malformed YAML: while scanning for the "
                "next token: found character that cannot start any token — indent with "
                "spaces, and quote values that begin with @, ` or %"
            ),
        ),
        (
            "hosts: [reviews]",
            "hosts: reviews",
            (
                "f.yaml:6:10: WRONG_TYPE expected list, found string 'reviews' "
                "(spec.hosts)"
            ),
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_cure(
    old: str, new: str, told_of: str
) -> None:
    assert old in REVIEWS
    assert told_of in told(REVIEWS.replace(old, new, 1))


def test_json_mistakes_have_places_too() -> None:
    text = '{"apiVersion":"networking.istio.io/v1","kind":"Gateway",\n "metadata":{'
    text += '"name":"a"},\n "spec":{"servers":[], "servers":[]}}'
    assert "f.yaml:3:24: DUPLICATE_KEY" in told(text)[0]


def test_json_that_libyaml_cannot_read_is_still_explained() -> None:
    text = r'{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":'
    text += r'{"name":"a","annotations":{"x":"\ud83d\ude00"}},"spec":{"server":[]}}'
    assert told(text) == [
        (
            "f.yaml:0:0: UNKNOWN_FIELD unknown field 'server' (spec.server) — "
            "did you mean 'servers'?"
        )
    ]


def test_an_unquoted_ipv6_address_in_a_flow_list_is_read_as_istio_reads_it() -> None:
    text = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: six}
spec:
  hosts: [six.example.com]
  addresses: [1.2.3.4, 001:db8::]
"""
    (found,) = decode(text.encode(), file="f", default_namespace="default")
    assert b"001:db8::" in str(found.spec).encode()


def test_fields_set_to_null_are_absent() -> None:
    text = REVIEWS.replace("timeout: 1m", "timeout:\n    match: null")
    text = text.replace("  name: reviews", "  name: reviews\n  labels:\n", 1)
    (found,) = decode(text.encode(), file="f", default_namespace="default")
    assert isinstance(found.spec, VirtualService)
    assert found.spec.http[0].timeout is None
    assert found.spec.http[0].match == ()


def test_the_one_field_istio_spells_two_ways_is_read_both_ways() -> None:
    for spelling in ("mirror_percent", "mirrorPercent"):
        text = REVIEWS.replace("timeout: 1m", f"{spelling}: 50")
        (found,) = decode(text.encode(), file="f", default_namespace="default")
        assert isinstance(found.spec, VirtualService)
        assert found.spec.http[0].mirror_percent == 50


def test_64_bit_numbers_may_be_quoted_as_protobuf_does() -> None:
    text = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: a
  trafficPolicy:
    loadBalancer:
      consistentHash: {useSourceIp: yes, minimumRingSize: "1024"}
"""
    assert decode(text.encode(), file="f", default_namespace="default")


def test_a_kubernetes_list_holds_many_objects() -> None:
    items = "".join(f"  {line}\n" for line in REVIEWS.splitlines())
    text = f"apiVersion: v1\nkind: List\nitems:\n- {items.lstrip()}"
    assert len(decode(text.encode(), file="f", default_namespace="default")) == 1


def test_metadata_and_status_that_a_server_set_may_come_back() -> None:
    text = REVIEWS.replace(
        "  name: reviews\n",
        "  name: reviews\n  resourceVersion: '7'\n  uid: u\n  generation: 2\n"
        "  creationTimestamp: '2030-01-01T00:00:00Z'\n"
        "  managedFields: [{manager: kubectl, fieldsV1: {'f:spec': {}}}]\n",
    )
    text += "status: {conditions: [{type: Accepted}]}\n"
    (found,) = decode(text.encode(), file="f", default_namespace="default")
    assert found.metadata.resource_version == "7"
    assert found.metadata.managed_fields == ()


def test_texts_beyond_the_limits_are_refused() -> None:
    assert "TOO_LARGE" in told(b"#" * (TEXT_LIMIT + 1))[0]
    assert "TOO_DEEP nested deeper than 50 levels" in told("[" * 500)[0]
    lists = "".join(f"k{n}:\n" + "- a\n" * 4_000 for n in range(26))
    assert "TOO_LARGE more than 100,000 values" in told(lists)[0]
    word = "x" * OBJECT_LIMIT
    headers = f"timeout: 1m\n    headers: {{request: {{set: {{a: {word}}}}}}}"
    large = REVIEWS.replace("timeout: 1m", headers)
    assert "TOO_LARGE VirtualService/default/reviews" in told(large)[0]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 50])
def test_what_json_takes_for_no_number_is_not_taken_for_a_word(number: str) -> None:
    text = json.dumps(
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": "a", "annotations": {"a": number}},
            "spec": {"host": "word"},
        },
        indent=1,
    )
    assert decode(text.encode(), file="f.yaml", default_namespace="default")
    (line,) = told(text.replace('"word"', number))
    assert line.startswith("f.yaml:11:11: NUMBER")


def test_a_yaml_bomb_goes_off_nowhere() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert "ALIAS" in told(bomb)[0]


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a: \xc3(", b"kind: \xed\xa0\x80"])
def test_what_is_not_utf8_is_refused_with_its_place(data: bytes) -> None:
    assert "is not UTF-8" in told(data)[0]


def test_a_control_character_is_refused_with_its_place() -> None:
    assert told("a: 1\nb: x\x01")[0].startswith("f.yaml:2:5: MALFORMED_YAML")


def test_at_most_a_hundred_findings_are_kept() -> None:
    text = REVIEWS + "".join(f"  bad{i}: 1\n" for i in range(300))
    assert len(findings(text)) == 100


def test_messages_do_not_repeat_a_long_text() -> None:
    (line,) = told(REVIEWS.replace("timeout: 1m", "timeout: " + "1x" * 10_000))
    assert len(line) < 1_500


def test_a_text_full_of_mistakes_is_not_read_to_its_end() -> None:
    few = REVIEWS + "".join(f"  mistake{i}: 1\n" for i in range(100))
    many = REVIEWS + "".join(f"  mistake{i}: 1\n" for i in range(4_000))
    assert findings(many) == findings(few)
    start = process_time()
    told(many)
    assert process_time() - start < 5, "each mistake costs a search for its cure"


def test_objects_behind_the_hundredth_problem_are_not_taken_for_good_ones() -> None:
    text = "\n---\n".join(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: rule-{number}}}\nspec: {{hst: reviews}}"
        for number in range(150)
    )
    with pytest.raises(InvalidConfigError) as caught:
        decode(text.encode(), file="a.yaml", default_namespace="default")
    assert len(caught.value.findings) == 100
