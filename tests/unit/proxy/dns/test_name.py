from __future__ import annotations

import pytest

from meltemi.proxy.dns.name import suffixes, wire


def test_a_host_is_written_in_small_letters_with_or_without_its_dot() -> None:
    assert wire("API.example.com.") == wire("api.example.com")
    assert wire("api.example.com") == b"\x03api\x07example\x03com\x00"


@pytest.mark.parametrize("host", ["", ".", "a..b", "a" * 64, "bücher.de", "a." * 128])
def test_what_is_no_name_has_no_form(host: str) -> None:
    assert wire(host) is None


def test_the_suffixes_of_a_name_begin_at_its_labels() -> None:
    assert suffixes(b"\x01a\x02bc\x00") == [b"\x02bc\x00", b"\x00"]
