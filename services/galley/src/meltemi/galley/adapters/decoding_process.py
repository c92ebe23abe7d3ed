"""The process that reads large bodies: jobs come in, results go out, one by one."""

from __future__ import annotations

import os
import resource
import sys

import msgspec

from meltemi.galley.adapters.decoding import SIZE, Job, result_of

MEMORY_BYTES = 2 * 1024 * 1024 * 1024
NICENESS = 5
"""Requests that are answered at once go first."""


def serve() -> None:
    """Answer jobs until standard input ends."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    jobs, results = sys.stdin.buffer, sys.stdout.buffer
    while len(head := jobs.read(SIZE.size)) == SIZE.size:
        (size,) = SIZE.unpack(head)
        job = msgspec.msgpack.decode(jobs.read(size), type=Job)
        answer = msgspec.msgpack.encode(result_of(job))
        results.write(SIZE.pack(len(answer)) + answer)
        results.flush()


if __name__ == "__main__":
    serve()
