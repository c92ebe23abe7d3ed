from __future__ import annotations

import pytest
import typer

from meltemi.ctl.lens.header import headers


def test_the_host_is_the_requests_and_no_header_of_it() -> None:
    for word in ("Host: a:80", "host:a:80", ":authority: a:80"):
        assert headers([word, "x: 1:2"]) == ("a:80", (("x", "1:2"),))
    assert headers([]) == ("", ())


@pytest.mark.parametrize("word", ["x", ":authority", ": x", ""])
def test_a_word_without_a_name_and_a_value_is_refused(word: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not NAME: VALUE"):
        headers([word])
