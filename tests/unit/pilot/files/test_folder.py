"""Files as configuration: what each says, and what is kept of one that is broken."""

from __future__ import annotations

from meltemi.config.canonical import from_stored
from meltemi.pilot.files.folder import Difference, Folder


def entry(name: str, host: str = "a.example.com") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}}}
spec: {{hosts: [{host}], ports: [{{number: 80, name: http, protocol: HTTP}}]}}
"""


def take(folder: Folder, **files: str) -> Difference:
    return folder.replace(
        {f"{name}.yaml": text.encode() for name, text in files.items()}
    )


def names(found: Difference) -> list[str]:
    return [each.key.rpartition("/")[2] for each in found.mutations]


def test_each_object_of_each_file_is_there_and_leaves_with_it() -> None:
    folder = Folder("default")
    first = take(folder, one=entry("a") + "---\n" + entry("b"), two=entry("c"))
    assert names(first) == ["a", "b", "c"]
    assert [each.previous for each in first.mutations] == [None] * 3
    assert take(folder, one=entry("a") + "---\n" + entry("b"), two=entry("c")) == (
        Difference(())
    )
    (gone,) = take(folder, one=entry("a") + "---\n" + entry("b")).mutations
    assert gone.key.endswith("/default/c")
    assert gone.value is None
    assert gone.previous


def test_only_what_differs_is_a_change() -> None:
    folder = Folder("default")
    take(folder, one=entry("a") + "---\n" + entry("b"))
    (changed,) = take(folder, one=entry("a") + "---\n" + entry("b", "b.org")).mutations
    assert changed.value
    assert from_stored(changed.value).metadata.name == "b"
    assert not take(folder, two=entry("a") + "---\n" + entry("b", "b.org")).mutations


def test_a_file_that_cannot_be_read_keeps_what_it_said_and_the_line_is_told() -> None:
    folder = Folder("default")
    take(folder, one=entry("a"), two=entry("b"))
    broken = entry("a").replace("HTTP}", "HTTP")
    found = take(folder, one=broken, two=entry("b"))
    assert not found.mutations
    assert any(each.startswith("one.yaml:") for each in found.unread)
    again = take(folder, one=broken, two=entry("b"))
    assert again == found, "as long as it is so"
    mended = take(folder, one=entry("a", "b.org"), two=entry("b"))
    assert names(mended) == ["a"]
    assert not mended.unread


def test_an_object_that_two_files_have_is_the_first_ones() -> None:
    folder = Folder("default")
    found = take(folder, one=entry("a", "one.org"), two=entry("a", "two.org"))
    (made,) = found.mutations
    assert made.value
    assert b"one.org" in made.value
    assert found.doubled == (
        (
            "two.yaml: serviceentries/default/a is in one.yaml too, which holds: "
            "take one of them out"
        ),
    )
    (other,) = take(folder, two=entry("a", "two.org")).mutations
    assert other.value
    assert b"two.org" in other.value


def test_a_file_that_the_system_withholds_keeps_what_it_said() -> None:
    folder = Folder("default")
    take(folder, one=entry("a"), two=entry("b"))
    lost = PermissionError(13, "Permission denied")
    found = folder.replace({"one.yaml": lost})
    assert found.unread == ("one.yaml: Permission denied",)
    assert names(found) == ["b"], "others change meanwhile"
    assert take(folder, one=entry("a")) == Difference(())


def test_a_folder_that_the_system_withholds_keeps_what_all_in_it_said() -> None:
    folder = Folder("default")
    files = {"shop/a.yaml": entry("a"), "shop/deep/b.yaml": entry("b")}
    folder.replace({name: text.encode() for name, text in files.items()})
    found = folder.replace({"shop": OSError(5, "Input/output error")})
    assert found == Difference((), ("shop: Input/output error",))
    assert names(folder.replace({})) == ["a", "b"]
