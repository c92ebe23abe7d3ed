"""Reading the ProxyConfig that an agent is told: what cannot be meant stops it."""

from __future__ import annotations

from meltemi.config.finding import Severity
from meltemi.config.heard import refusals
from meltemi.config.node import plain_value
from meltemi.config.proxy_annotation import (
    InvalidProxyAnnotationError,
    proxy_annotation,
)
from meltemi.config.report import Report
from meltemi.config.rules.mesh_config import check_proxy_defaults
from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.yaml_text import compose
from meltemi.proxy.boot.clusters import told_clusters
from meltemi.proxy.boot.limits import connections
from meltemi.proxy.boot.listeners import stats_listeners
from meltemi.proxy.boot.stats import sinks


def read_proxy_config(value: object) -> ProxyDefaults:
    """Return the ProxyConfig that ``value`` spells, as YAML or JSON.

    Raises:
        ValueError: Saying what is not as it must be.

    """
    if isinstance(value, ProxyDefaults):
        return value
    try:
        config = proxy_annotation(str(value))
    except InvalidProxyAnnotationError as error:
        raise ValueError(f"{error}") from error
    for finding in check_proxy_defaults("proxy_config", config):
        if finding.severity is Severity.ERROR:
            raise ValueError(f"{finding.path}: {finding.message}")
    for why in refusals(config):
        raise ValueError(why)
    _ = tuple(told_clusters(config)), tuple(stats_listeners(config))
    _ = sinks(config), connections(config)
    return config


def check_override(text: str) -> str:
    """Return ``text``, which is to be the YAML of an object, or nothing.

    What its fields are is for Envoy to judge, which may be newer than we are.

    Raises:
        ValueError: Saying what is not as it must be.

    """
    report = Report("bootstrap_override")
    documents = compose(text, report) if text.strip() else []
    if report.findings:
        raise ValueError(report.findings[0].message)
    if text.strip() and (
        len(documents) != 1 or not isinstance(plain_value(documents[0][1]), dict)
    ):
        raise ValueError("expected one object with fields of Envoy's Bootstrap")
    return text
