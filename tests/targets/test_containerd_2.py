"""containerd 2.x: its default file is edited least, and what only looks right in a dump of it is not planned."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from migrate.facts.capture import Capture
from migrate.formats.nested import at
from migrate.sources.table import origin_of
from migrate.targets.compose import FileChange, compose
from migrate.targets.containerd import CONTAINERD
from tests import containerds
from tests.captured import WITH_CONTAINERD_2, capture_of, facts, replaced, with_file, with_output

CONFIG = "/etc/containerd/config.toml"
RUNTIME, IMAGES = ("plugins", "io.containerd.cri.v1.runtime"), ("plugins", "io.containerd.cri.v1.images")
CNI, PATHS = (*RUNTIME, "cni"), (*IMAGES, "registry", "config_path")
BOTH = "/etc/containerd/certs.d:/etc/docker/certs.d"  # what 2.2 and later take by themselves
EMPTY = "      config_path = ''\n\n    [plugins.'io.containerd.cri.v1.images'.image_decryption]"


def default() -> Capture:
    return capture_of("lab-w8", WITH_CONTAINERD_2)


def changed(capture: Capture) -> FileChange:
    found = facts(capture)
    changes, refused = compose(CONTAINERD, found, origin_of(found))
    assert refused == ()
    return next(one for one in changes if one.path == CONFIG)


def loaded(change: FileChange) -> dict[str, Any]:
    return tomllib.loads(change.after.decode())


def with_older_folder(capture: Capture, folder: str) -> Capture:
    """A file of an admin who set the folder of CNI plugins as up to 2.0, and what containerd 2.3 prints of it."""
    for key in (CONFIG, "containerd config dump"):
        capture = replaced(capture, key, "      bin_dir = ''\n", f"      bin_dir = '{folder}'\n")
    return capture


def test_the_default_file_keeps_its_version_and_all_but_three_lines() -> None:
    change = changed(default())
    before, after = change.before or b"", change.after
    assert after.startswith(b"version = 4\n")
    lines = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert [new.split(b" = ")[0].strip().decode() for _, new in lines] == ["sandbox", "config_path", "base_runtime_spec"]
    assert at(loaded(change), (*RUNTIME, "containerd", "runtimes", "runc", "options", "SystemdCgroup")) is False  # the kubelet's driver


def test_the_older_name_of_the_plugin_folder_is_in_force_beside_the_default_and_goes() -> None:
    cni = at(loaded(changed(with_older_folder(default(), "/srv/cni"))), CNI)
    assert (cni["bin_dirs"], "bin_dir" in cni) == (["/opt/cni/bin"], False)


def test_the_older_name_stays_where_it_says_the_same() -> None:
    cni = at(loaded(changed(with_older_folder(default(), "/opt/cni/bin"))), CNI)
    assert (cni["bin_dirs"], cni["bin_dir"]) == (["/opt/cni/bin"], "/opt/cni/bin")


def test_a_list_of_folders_for_registries_becomes_the_one_that_is_written() -> None:
    both = replaced(default(), CONFIG, EMPTY, EMPTY.replace("''", f"'{BOTH}'", 1))
    assert at(loaded(changed(both)), PATHS) == "/etc/containerd/certs.d"


def test_a_list_of_folders_stays_before_2() -> None:
    text = f'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "{BOTH}"\n'
    change = changed(with_file(capture_of(), CONFIG, text))
    assert at(loaded(change), ("plugins", "io.containerd.grpc.v1.cri", "registry", "config_path")) == BOTH


def test_a_planned_folder_that_the_older_name_overrides_is_not_found_in_a_dump() -> None:
    key = (*CNI, "bin_dirs")
    dump: dict[str, Any] = {"plugins": {RUNTIME[1]: {"cni": {"bin_dir": "/srv/cni", "bin_dirs": ["/opt/cni/bin"]}}}}
    assert not CONTAINERD.holds(dump, key, ["/opt/cni/bin"])
    assert not CONTAINERD.holds(dump, ("plugins", "io.containerd.grpc.v1.cri", "cni", "bin_dir"), "/opt/cni/bin")
    dump["plugins"][RUNTIME[1]]["cni"]["bin_dir"] = ""
    assert CONTAINERD.holds(dump, key, ["/opt/cni/bin"])


@pytest.mark.parametrize("release", ["2.3", "2.4"])
@pytest.mark.parametrize("folder", ["", "/srv/cni", "/opt/cni/bin"])
def test_containerd_itself_finds_every_planned_value(release: str, folder: str, tmp_path: Path) -> None:
    program = containerds.program(release)
    capture = default() if not folder else with_older_folder(default(), folder)
    change = changed(containerds.read_by(program, capture, tmp_path / "before"))
    found = containerds.values_of(program, capture, {CONFIG: change}, tmp_path / "after")
    assert [key for key, value in change.values.items() if not CONTAINERD.holds(found, key, value)] == []
    assert (at(found, (*CNI, "bin_dir")) or "/opt/cni/bin", at(found, (*CNI, "bin_dirs"))) == ("/opt/cni/bin", ["/opt/cni/bin"])


NVIDIA = """\
version = {version}
[plugins."{runtime}".containerd]
  default_runtime_name = "nvidia"
  [plugins."{runtime}".containerd.runtimes.nvidia]
    runtime_type = "io.containerd.runc.v2"
    [plugins."{runtime}".containerd.runtimes.nvidia.options]
      BinaryName = "/usr/bin/nvidia-container-runtime"
      SystemdCgroup = true
"""
DROP_IN = "/etc/containerd/conf.d/99-nvidia.toml"


def with_drop_in(number: int, text: str = NVIDIA) -> Capture:
    runtime = RUNTIME[1] if number >= 3 else "io.containerd.grpc.v1.cri"
    return with_file(default(), DROP_IN, text.format(version=number, runtime=runtime))


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_drop_in_of_another_schema_is_edited_in_its_own_names(number: int) -> None:
    found = facts(with_drop_in(number))
    changes, refused = compose(CONTAINERD, found, origin_of(found))
    assert refused == ()
    edited = {one.path: loaded(one) for one in changes if one.path in (CONFIG, DROP_IN)}
    cri = edited[DROP_IN]["plugins"]["io.containerd.grpc.v1.cri" if number == 2 else RUNTIME[1]]
    assert (edited[DROP_IN]["version"], cri["containerd"]["runtimes"]["nvidia"]["options"]["SystemdCgroup"]) == (number, False)
    assert at(edited[CONFIG], (*RUNTIME, "containerd", "runtimes", "nvidia", "base_runtime_spec")) is not None
    assert at(edited[CONFIG], ("version",)) == 4


@pytest.mark.parametrize("release", ["2.3", "2.4"])
@pytest.mark.parametrize("number", [2, 3, 4])
def test_containerd_itself_merges_drop_ins_of_any_schema(release: str, number: int, tmp_path: Path) -> None:
    program = containerds.program(release)
    more = f'[plugins."{IMAGES[1]}".pinned_images]\n  sandbox = "old"\n' if number >= 3 else ""
    older = '[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "old"\n  cni.bin_dir = "/srv/cni"\n' if number < 3 else ""
    capture = containerds.read_by(program, with_drop_in(number, NVIDIA + more + older), tmp_path / "before")
    found = facts(capture)
    changes, refused = compose(CONTAINERD, found, origin_of(found))
    assert refused == ()
    edited = {one.path: one for one in changes if one.path in (CONFIG, DROP_IN)}
    dump = containerds.values_of(program, capture, edited, tmp_path / "after")
    planned = {key: value for one in edited.values() for key, value in one.values.items()}
    assert [key for key, value in planned.items() if not CONTAINERD.holds(dump, key, value)] == []
    assert at(dump, (*IMAGES, "pinned_images", "sandbox")) == "k8s.gcr.io/pause:3.6"
    assert at(dump, (*CNI, "bin_dirs")) == ["/opt/cni/bin"]
    runtimes = at(dump, (*RUNTIME, "containerd", "runtimes"))
    assert {name: one["options"]["SystemdCgroup"] for name, one in runtimes.items()} == {"nvidia": False, "runc": False}


@pytest.mark.parametrize(("version", "number", "most"), [("v2.1.4", 4, 3), ("1.7.35", 3, 2)])
def test_a_file_that_this_release_does_not_read_is_refused(version: str, number: int, most: int) -> None:
    capture = with_output(with_file(capture_of(), CONFIG, f"version = {number}\n"), "containerd version", f"containerd x {version} y\n")
    found = facts(capture)
    (refused,) = compose(CONTAINERD, found, origin_of(found))[1]
    assert refused.reason == f"containerd config: containerd {version} cannot read `version = {number}`; write it as version {most}"
