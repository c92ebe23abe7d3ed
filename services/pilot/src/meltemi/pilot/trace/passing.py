"""Filters of requests that are not modelled, and whether that can matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.trace.answer import Verdict
from meltemi.pilot.trace.resources import kind_of

if TYPE_CHECKING:
    from envoy.extensions.filters.network.http_connection_manager.v3 import (
        http_connection_manager_pb2 as hcm,
    )

ENVOYS = "envoy.extensions.filters.http."
SILENT = frozenset(
    (
        *(
            f"{ENVOYS}{each}.v3.Config"
            for each in ("header_to_metadata", "set_metadata")
        ),
        f"{ENVOYS}compressor.v3.Compressor",
        f"{ENVOYS}cors.v3.Cors",
        f"{ENVOYS}decompressor.v3.Decompressor",
        f"{ENVOYS}dynamic_forward_proxy.v3.FilterConfig",
        f"{ENVOYS}fault.v3.HTTPFault",
        f"{ENVOYS}grpc_stats.v3.FilterConfig",
        f"{ENVOYS}tap.v3.Tap",
        f"{ENVOYS}grpc_web.v3.GrpcWeb",
        f"{ENVOYS}header_mutation.v3.HeaderMutation",
        f"{ENVOYS}router.v3.Router",
        f"{ENVOYS}set_filter_state.v3.Config",
        "io.istio.http.peer_metadata.Config",
        "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
        "stats.PluginConfig",
    )
)
"""What answers no request, or is read elsewhere here: the routes' faults and CORS."""


def taken_as_passing(made: hcm.HttpFilter) -> Verdict | None:
    """Return the word on a filter that may answer a request; None if it does not."""
    kind = kind_of(made.typed_config)
    if kind in SILENT or made.disabled:
        return None
    what = kind.rpartition(".")[2] or "a filter that is fetched"
    why = f"{what} is not modelled: taken as passing"
    return Verdict(made.name, "", why, allowed=True, sure=False)
