"""Write type stubs for the Envoy messages in xds-protos, which ships none.

The stubs come from the descriptors of the installed package, so they cannot drift
from it. Usage: ``python tools/stubs.py DIRECTORY``.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

if TYPE_CHECKING:
    from google.protobuf.descriptor import FileDescriptor

ROOTS = ("envoy/", "xds/", "udpa/", "validate/", "google/rpc/")


def descriptors() -> list[FileDescriptor]:
    """Return the file descriptors of xds-protos, imports before importers."""
    ordered: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            if dependency.name not in ordered:
                add(dependency)
        ordered[file.name] = file

    for path in files("xds-protos") or ():
        if path.name.endswith("_pb2.py") and str(path).startswith(ROOTS):
            module = str(path).removesuffix(".py").replace("/", ".")
            add(importlib.import_module(module).DESCRIPTOR)
    return list(ordered.values())


def write(directory: Path) -> int:
    """Write one ``.pyi`` a message file below ``directory``; return how many."""
    known = descriptors()
    bundle = FileDescriptorSet()
    for file in known:
        proto = FileDescriptorProto()
        file.CopyToProto(proto)
        bundle.file.append(proto)
    names = [file.name for file in known if file.name.startswith(ROOTS)]
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(suffix=".binpb") as stored:
        stored.write(bundle.SerializeToString())
        stored.flush()
        status = protoc.main(
            [
                "protoc",
                f"--descriptor_set_in={stored.name}",
                f"--pyi_out={directory}",
                *names,
            ]
        )
    if status:
        sys.exit(f"protoc could not write the stubs: exit {status}")
    return len(names)


if __name__ == "__main__":
    print(f"{write(Path(sys.argv[1]))} stubs in {sys.argv[1]}")
