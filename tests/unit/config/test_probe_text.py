from __future__ import annotations

import pytest

from meltemi.config.probe_text import read_probe, spelled_probe, written_probe


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("http:/healthz", {"httpGet": {"port": 80, "path": "/healthz"}}),
        ("http:9090/healthz", {"httpGet": {"port": 9090, "path": "/healthz"}}),
        ("http", {"httpGet": {"port": 80, "path": "/"}}),
        ("tcp", {"tcpSocket": {"port": 80}}),
        ("tcp:9090", {"tcpSocket": {"port": 9090}}),
        ("grpc", {"grpc": {"port": 80}}),
        ("exec:check --fast 'a b'", {"exec": {"command": ["check", "--fast", "a b"]}}),
    ],
)
def test_a_word_spells_a_probe(text: str, method: dict[str, object]) -> None:
    assert spelled_probe(text, 80) == read_probe({**method, "periodSeconds": 2})


def test_json_spells_a_probe_whole() -> None:
    text = '{"tcpSocket": {"port": 5}, "periodSeconds": 9}'
    assert spelled_probe(text, 80) == read_probe(text)


@pytest.mark.parametrize("text", ["udp:5", "http:x/y", "tcp:5/path", "exec:", "tcp:0"])
def test_other_words_spell_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|path|required|port"):
        spelled_probe(text, 80)


@pytest.mark.parametrize("text", ["http:/healthz", "tcp:9090", "grpc", "exec:a b"])
def test_what_is_written_is_read_again(text: str) -> None:
    probe = spelled_probe(text, 80)
    assert read_probe(written_probe(probe)) == probe
