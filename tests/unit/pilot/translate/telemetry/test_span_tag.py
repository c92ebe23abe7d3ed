from __future__ import annotations

from meltemi.config.schema.telemetry import (
    CustomTag,
    Environment,
    Formatter,
    Literal,
    RequestHeader,
)
from meltemi.pilot import ir
from meltemi.pilot.translate.telemetry.span_tag import (
    canonical,
    custom_tags,
    istio_tags,
)
from meltemi.testkit.mesh import sidecar_scope


def test_tags_come_by_name_from_four_sources() -> None:
    given = {
        "d": CustomTag(formatter=Formatter(value="%PROTOCOL%")),
        "c": CustomTag(header=RequestHeader(name="x-user", default_value="nobody")),
        "b": CustomTag(environment=Environment(name="NODE")),
        "a": CustomTag(literal=Literal(value="here")),
    }
    assert list(custom_tags(given)) == [
        ir.Tag("a", ir.TagSource.LITERAL, "here"),
        ir.Tag("b", ir.TagSource.ENVIRONMENT, "NODE"),
        ir.Tag("c", ir.TagSource.HEADER, "x-user", "nobody"),
        ir.Tag("d", ir.TagSource.FORMATTER, "%PROTOCOL%"),
    ]


def test_a_workload_is_known_by_its_canonical_labels_else_app_and_version() -> None:
    labels = {"app": "a", "version": "v1"}
    assert canonical(sidecar_scope("", labels=labels)) == ("a", "v1")
    own = {
        "service.istio.io/canonical-name": "c",
        "service.istio.io/canonical-revision": "r",
    }
    assert canonical(sidecar_scope("", labels=labels | own)) == ("c", "r")
    assert canonical(sidecar_scope("")) == ("unknown", "latest")


def test_istios_tags_tell_the_workload_and_dry_runs() -> None:
    made = {
        each.name: each for each in istio_tags(sidecar_scope("", labels={"app": "a"}))
    }
    assert made["istio.canonical_service"].value == "a"
    assert made["istio.namespace"].value == "default"
    assert made["istio.mesh_id"].value == "unknown"
    dry = [each for each in made.values() if each.source is ir.TagSource.DRY_RUN]
    assert len(dry) == 4
