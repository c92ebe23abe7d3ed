"""What the annotation ``proxy.istio.io/config`` says: some of a ProxyConfig, as YAML.

Source: Istio's resource annotations; the same fields as MeshConfig.defaultConfig.
"""

from __future__ import annotations

from typing import Final

import msgspec

from meltemi.config.node import plain_value
from meltemi.config.report import Report
from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.values import decode_value
from meltemi.config.yaml_text import compose
from meltemi.kernel.errors import Blame, MeshError

ANNOTATION: Final = "proxy.istio.io/config"


class InvalidProxyAnnotationError(MeshError):
    """The annotation does not hold a ProxyConfig."""

    code = "config.proxy-annotation"
    blame = Blame.CALLER


def proxy_annotation(text: str) -> ProxyDefaults:
    """Return the settings that ``text`` spells; what it leaves out is absent.

    Raises:
        InvalidProxyAnnotationError: Saying what is not as it must be.

    """
    report = Report(ANNOTATION)
    documents = compose(text, report)
    if report.findings:
        raise InvalidProxyAnnotationError(report.findings[0].message)
    if len(documents) != 1:
        message = f"expected one document, found {len(documents)}"
        raise InvalidProxyAnnotationError(message)
    try:
        return msgspec.convert(
            plain_value(documents[0][1]), ProxyDefaults, dec_hook=decode_value
        )
    except (msgspec.ValidationError, MeshError) as error:
        raise InvalidProxyAnnotationError(f"{error}") from error
