"""Let atheris (libFuzzer) look for a text that brings the door down.

Usage: ``python tests/fuzz/atheris_door.py [CORPUS…] [-atheris_runs=N]``, after
``pip install atheris``. An input is a text, or what an object is grown from.
"""

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["meltemi"]):
    from meltemi.config.kinds import KINDS
    from meltemi.testkit.door import read_any
    from meltemi.testkit.grower import grow_document, mutate, spell_json


def try_input(data: bytes) -> None:
    """Read ``data``, or what it says to grow; a door that fails raises."""
    provider = atheris.FuzzedDataProvider(data)
    if provider.ConsumeBool():
        read_any(provider.ConsumeBytes(len(data)))
        return
    kind = KINDS[provider.ConsumeIntInRange(0, len(KINDS) - 1)]
    rng = Random(provider.ConsumeInt(8))  # noqa: S311 - the fuzzer decides
    text = spell_json(grow_document(kind, rng))
    read_any(mutate(text, rng) if provider.ConsumeBool() else text)


if __name__ == "__main__":
    atheris.Setup(sys.argv, try_input)
    atheris.Fuzz()
