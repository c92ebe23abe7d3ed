"""Whether a request counts as HTTPS, and who says so.

Source: source/common/http/conn_manager_utility.cc mutateRequestHeaders: a manager that
takes its peer for the client writes ``x-forwarded-proto`` itself, unless a trusted
proxy did; any other writes it where it is missing. ``:scheme`` comes from it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envoy.extensions.filters.network.http_connection_manager.v3 import (
        http_connection_manager_pb2 as hcm,
    )

    from meltemi.pilot.trace.call import Call, Http

FORWARDED_SCHEME = "x-forwarded-proto"
HTTP2 = 2
"""HTTP/1 has no place for the scheme."""
VALID = ("http", "https")


def with_scheme(request: Http, manager: hcm.HttpConnectionManager, call: Call) -> Http:
    """Return ``request`` with the scheme, and the header that tells it to others."""
    spoken = "https" if call.tls else "http"
    said = request.header(FORWARDED_SCHEME)
    mistrusted = manager.use_remote_address.value and not manager.xff_num_trusted_hops
    if said is None or mistrusted:
        said = spoken
        kept = [each for each in request.headers if each[0].lower() != FORWARDED_SCHEME]
        request = replace(request, headers=(*kept, (FORWARDED_SCHEME, said)))
    derived = said if said in VALID else spoken
    carried = request.scheme if request.version == HTTP2 else ""
    return replace(request, scheme=carried or derived)
