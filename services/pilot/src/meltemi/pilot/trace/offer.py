"""What a proxy offers servers by ALPN, where its filters decide that by request.

Source: Envoy's filter state ``envoy.network.application_protocols`` goes before the
protocols of the cluster (source/common/network/application_protocol.h).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import (
    FilterStateValue,
)
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import (
    Config,
)

from meltemi.pilot.trace.resources import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envoy.extensions.filters.network.http_connection_manager.v3 import (
        http_connection_manager_pb2 as hcm,
    )

    from meltemi.pilot.trace.call import Http

KEY = "envoy.network.application_protocols"
BY_VERSION = re.compile(
    r"%CEL\(request\.protocol == 'HTTP/2' \? '([^']*)' : '([^']*)'\)%"
)
"""The one choice that is read; other formats leave the cluster's protocols."""
HTTP2 = 2


def offered(filters: Iterable[hcm.HttpFilter], request: Http) -> tuple[str, ...]:
    """Return what is offered for a request in place of what clusters offer.

    Empty where no filter says so; of several the last does.
    """
    result: tuple[str, ...] = ()
    for each in filters:
        made = unpacked(each.typed_config, Config)
        for value in made.on_request_headers if made else ():
            result = _protocols(value, request) or result
    return result


def _protocols(value: FilterStateValue, request: Http) -> tuple[str, ...]:
    shared = value.shared_with_upstream != FilterStateValue.NONE
    if value.object_key != KEY or not shared:
        return ()
    text = value.format_string.text_format_source.inline_string
    choice = BY_VERSION.fullmatch(text)
    if choice:
        text = choice[1 if request.version == HTTP2 else 2]
    return () if "%" in text else tuple(text.split(","))
