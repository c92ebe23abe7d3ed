from __future__ import annotations

from typing import Any

import pytest
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace.path import normalized, split, template


def made(path: str, **settings: Any) -> str | None:
    return normalized(path, ParseDict(settings, hcm.HttpConnectionManager()))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/a/./b/../c", "/a/c"),
        ("/../../a", "/a"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a\\b", "/a/b"),
        ("/%61%2D%7e%5F", "/a-~_"),
        ("/%2e%2E/a", "/a"),
        ("/a%2Fb%20c", "/a%2Fb%20c"),
        ("/a/../b?c=/../d", "/b?c=/../d"),
        ("/a//b", "/a//b"),
        ("*", "*"),
    ],
)
def test_dots_and_needless_escapes_go(path: str, found: str) -> None:
    assert made(path, normalize_path=True) == found
    assert made(path) == path


def test_doubled_slashes_are_merged_when_asked() -> None:
    assert made("/a///b", merge_slashes=True) == "/a/b"


@pytest.mark.parametrize(
    ("action", "found"),
    [
        ("KEEP_UNCHANGED", "/a%2fb"),
        ("UNESCAPE_AND_FORWARD", "/a/b"),
        ("UNESCAPE_AND_REDIRECT", "/a/b"),
        ("REJECT_REQUEST", None),
    ],
)
def test_escaped_slashes_are_kept_read_or_refused(
    action: str, found: str | None
) -> None:
    assert made("/a%2fb", path_with_escaped_slashes_action=action) == found


def test_the_query_ends_the_path_and_a_fragment_is_dropped() -> None:
    assert split("/a?b=1#c") == ("/a", "b=1")


@pytest.mark.parametrize(
    ("pattern", "fits", "not_"),
    [
        ("/a/*/b", "/a/x/b", "/a/x/y/b"),
        ("/a/**", "/a/", "/b"),
        ("/a/**/b", "/a/x/y/b", "/a/x/y/c"),
        ("/a/{name}", "/a/x", "/a/x/y"),
        ("/{rest=**}.txt", "/x/y.txt", "/x/y.html"),
        ("/a.b", "/a.b", "/aXb"),
    ],
)
def test_templates_stand_for_parts_of_a_path(
    pattern: str, fits: str, not_: str
) -> None:
    assert template(pattern).fullmatch(fits)
    assert not template(pattern).fullmatch(not_)
