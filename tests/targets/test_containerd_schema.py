"""The CRI plugin's keys of one schema in the names of another, there and back."""

from __future__ import annotations

import pytest

from migrate.formats import FormatError
from migrate.formats.nested import at
from migrate.formats.version import Version
from migrate.targets.containerd_schema import CRI_V1, CRI_V2, IMAGES_V3, RUNTIME_V3, lowered, merges_schemas, newest, raised

OLD = {
    "sandbox_image": "p",
    "enable_selinux": True,
    "max_concurrent_downloads": 2,
    "registry": {"config_path": "/x"},
    "cni": {"bin_dir": "/b", "conf_dir": "/c"},
    "containerd": {"snapshotter": "native", "default_runtime_name": "y"},
}
NEW = {
    RUNTIME_V3: {
        "enable_selinux": True,
        "cni": {"conf_dir": "/c", "bin_dirs": ["/b"]},
        "containerd": {"default_runtime_name": "y"},
    },
    IMAGES_V3: {
        "pinned_images": {"sandbox": "p"},
        "max_concurrent_downloads": 2,
        "registry": {"config_path": "/x"},
        "snapshotter": "native",
    },
}


@pytest.mark.parametrize(("number", "name"), [(1, CRI_V1), (2, CRI_V2)])
def test_tables_are_raised(number: int, name: str) -> None:
    assert raised({"version": number, "plugins": {name: OLD, "other": {"a": 1}}}) == {
        "version": number,
        "plugins": {"other": {"a": 1}, **NEW},
    }


@pytest.mark.parametrize("values", [{}, {"version": 3, "plugins": NEW}, {"version": 2, "plugins": {"other": {}}}, {"plugins": 1}])
def test_what_has_no_older_tables_stays(values: dict[str, object]) -> None:
    assert raised(values) == values


def leaves(values: object, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    if not isinstance(values, dict):
        return {above: values}
    return {key: one for name, inner in values.items() for key, one in leaves(inner, (*above, name)).items()}


@pytest.mark.parametrize(("number", "name"), [(1, CRI_V1), (2, CRI_V2)])
def test_every_key_finds_its_way_back(number: int, name: str) -> None:
    back = dict(lowered(key, value, number) for key, value in leaves({"plugins": NEW}).items())
    assert back == leaves({"plugins": {name: OLD}})
    assert all(at(OLD, key[2:]) == value for key, value in back.items())


def test_what_has_no_place_in_an_older_file_is_refused() -> None:
    with pytest.raises(FormatError, match=r"cni.bin_dirs = .*/a.*/b.* has no place in a file of version 2"):
        lowered(("plugins", RUNTIME_V3, "cni", "bin_dirs"), ["/a", "/b"], 2)
    assert lowered(("disabled_plugins",), [], 2) == (("disabled_plugins",), [])


def test_which_release_reads_what() -> None:
    releases = [Version(1, 6, 20), Version(2, 0, 0), Version(2, 2, 9), Version(2, 3, 0), Version(2, 4, 2)]
    assert [newest(one) for one in releases] == [2, 3, 3, 4, 4]
    assert [merges_schemas(one) for one in releases] == [False, False, False, True, True]
