"""Tracing, as Envoy's settings of an HttpConnectionManager.

Source: pilot/pkg/networking/core/tracing.go.
"""

from __future__ import annotations

from typing import assert_never

from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.type.metadata.v3.metadata_pb2 import MetadataKey, MetadataKind
from envoy.type.tracing.v3.custom_tag_pb2 import CustomTag
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from meltemi.pilot import ir
from meltemi.pilot.emit.tracer import tracer

RBAC = "envoy.filters.http.rbac"


def tracing(made: ir.Tracing) -> hcm.HttpConnectionManager.Tracing:
    """Return ``made`` in Envoy's words."""
    result = hcm.HttpConnectionManager.Tracing(
        client_sampling=Percent(value=made.client),
        random_sampling=Percent(value=made.random),
        overall_sampling=Percent(value=made.overall),
        custom_tags=[_tag(each) for each in made.tags],
    )
    if made.max_path_length is not None:
        length = UInt32Value(value=made.max_path_length)
        result.max_path_tag_length.CopyFrom(length)
    if made.child_span:
        result.spawn_upstream_span.CopyFrom(BoolValue(value=True))
    if made.provider is not None:
        result.provider.CopyFrom(tracer(made.provider))
    return result


def _tag(tag: ir.Tag) -> CustomTag:
    result = CustomTag(tag=tag.name)
    match tag.source:
        case ir.TagSource.LITERAL:
            result.literal.value = tag.value
        case ir.TagSource.ENVIRONMENT:
            result.environment.name = tag.value
            result.environment.default_value = tag.default
        case ir.TagSource.HEADER:
            result.request_header.name = tag.value
            result.request_header.default_value = tag.default
        case ir.TagSource.FORMATTER:
            result.value = tag.value
        case ir.TagSource.DRY_RUN:
            request = MetadataKind(request=MetadataKind.Request())
            segment = MetadataKey.PathSegment(key=tag.value)
            result.metadata.kind.CopyFrom(request)
            result.metadata.metadata_key.CopyFrom(MetadataKey(key=RBAC, path=[segment]))
        case never:
            assert_never(never)
    return result
