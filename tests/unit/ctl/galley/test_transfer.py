from __future__ import annotations

from meltemi.ctl.galley.transfer import portable


def test_an_export_leaves_out_what_holds_in_one_mesh_only() -> None:
    metadata = {
        "name": "a",
        "resourceVersion": "7",
        "labels": {"meltemi.dev/source": "directory"},
        "annotations": {"meltemi.dev/x": "y", "note": "kept"},
    }
    assert portable(metadata) == {"name": "a", "annotations": {"note": "kept"}}
