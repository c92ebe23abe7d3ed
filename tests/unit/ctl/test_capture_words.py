from __future__ import annotations

import pytest

from meltemi.ctl.capture_words import groups, listed, users
from meltemi.proxy.capture.options import InvalidCaptureError


def test_a_list_is_words_between_commas() -> None:
    assert listed("--outbound-ports", " 80, 443 ") == ("80", "443")
    assert listed("--outbound-ports", "") == ()


@pytest.mark.parametrize("text", [",", "80,", "80,,443"])
def test_nothing_between_commas_is_an_error(text: str) -> None:
    with pytest.raises(InvalidCaptureError, match=r"--outbound-ports: '.*' found"):
        listed("--outbound-ports", text)


def test_users_and_groups_are_numbers_or_names_that_are_known_here() -> None:
    assert users("--proxy-uid", "root,1337") == (0, 1337)
    assert groups("--proxy-gid", "root") == (0,)


@pytest.mark.parametrize("word", ["nobody-of-this-name", "-1", "1e3"])
def test_others_are_errors_that_say_where_to_look(word: str) -> None:
    with pytest.raises(InvalidCaptureError, match=rf"'{word}' found.*getent"):
        users("--proxy-uid", word)
    with pytest.raises(InvalidCaptureError, match="--proxy-gid"):
        groups("--proxy-gid", word)
