"""Several files of containerd: a planned value goes where it holds, by the rules of each version, and what is not certain is refused.

Where there is a containerd (tests/containerds.py), its own dump of the planned files is the proof.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from migrate.facts.capture import Capture
from migrate.sources.table import origin_of
from migrate.targets.compose import FileChange, compose
from migrate.targets.containerd import CONTAINERD
from tests import containerds
from tests.captured import capture_of, facts, replaced, with_file, with_output

CONFIG = "/etc/containerd/config.toml"
DROP_IN = "/etc/containerd/conf.d/99-nvidia.toml"
KUBELET = "/var/lib/kubelet/config.yaml"
CRI = "io.containerd.grpc.v1.cri"
RUNTIME = "io.containerd.cri.v1.runtime"

NVIDIA = f"""\
version = 2

[plugins]

  [plugins."{CRI}"]
    enable_cdi = true

    [plugins."{CRI}".containerd]
      default_runtime_name = "nvidia"

      [plugins."{CRI}".containerd.runtimes]

        [plugins."{CRI}".containerd.runtimes.nvidia]
          runtime_type = "io.containerd.runc.v2"

          [plugins."{CRI}".containerd.runtimes.nvidia.options]
            BinaryName = "/usr/bin/nvidia-container-runtime"
"""
IMPORTING = f"""\
imports = ["/etc/containerd/conf.d/*.toml"]
version = 2

[plugins."{CRI}"]
  max_container_log_line_size = 262144
  [plugins."{CRI}".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
"""


def node(*files: tuple[str, str], version: str = "1.6.20~ds1") -> Capture:
    """lab-w1 with systemd as its cgroup driver, these files, and this containerd."""
    capture = replaced(capture_of(), KUBELET, "cgroupDriver: cgroupfs", "cgroupDriver: systemd")
    capture = with_output(capture, "containerd version", f"containerd github.com/containerd/containerd {version} x\n")
    for path, text in files:
        capture = with_file(capture, path, text)
    return capture


def changed(capture: Capture) -> dict[str, FileChange]:
    """The changes of containerd's own files."""
    changes, refused = compose(CONTAINERD, facts(capture), origin_of(facts(capture)))
    assert refused == ()
    return {one.path: one for one in changes if "runtime-config" in one.edits}


def refused(capture: Capture) -> list[tuple[str, str]]:
    return [(one.path, one.reason) for one in compose(CONTAINERD, facts(capture), origin_of(facts(capture)))[1]]


def cri_of(change: FileChange) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(change.after.decode())["plugins"][CRI]
    return found


def test_before_2_the_import_that_replaces_the_section_is_edited_and_the_main_file_stays() -> None:
    edited = changed(node((CONFIG, IMPORTING), (DROP_IN, NVIDIA)))
    assert list(edited) == [DROP_IN]
    cri = cri_of(edited[DROP_IN])
    assert cri["enable_cdi"] is True
    assert cri["sandbox_image"] == "k8s.gcr.io/pause:3.6"
    assert {name: one["options"]["SystemdCgroup"] for name, one in cri["containerd"]["runtimes"].items()} == {"nvidia": True, "runc": True}
    assert cri["containerd"]["runtimes"]["nvidia"]["options"]["BinaryName"] == "/usr/bin/nvidia-container-runtime"


def test_from_2_on_the_main_file_is_edited_and_the_import_only_where_it_says_otherwise() -> None:
    odd = NVIDIA.replace("enable_cdi = true", 'sandbox_image = "pause:old"')
    edited = changed(node((CONFIG, IMPORTING), (DROP_IN, odd), version="v2.1.4"))
    assert list(edited) == [CONFIG, DROP_IN]
    assert cri_of(edited[DROP_IN])["sandbox_image"] == "k8s.gcr.io/pause:3.6"
    assert "options" in cri_of(edited[CONFIG])["containerd"]["runtimes"]["runc"]
    runtimes = {**cri_of(edited[CONFIG])["containerd"]["runtimes"], **cri_of(edited[DROP_IN])["containerd"]["runtimes"]}
    assert set(runtimes) == {"nvidia", "runc"}


def test_of_two_imports_the_one_that_is_read_last_is_edited() -> None:
    other = "/etc/containerd/conf.d/10-site.toml"
    assert list(changed(node((CONFIG, IMPORTING), (DROP_IN, NVIDIA), (other, NVIDIA)))) == [DROP_IN]


def test_an_import_that_does_not_touch_cri_changes_nothing() -> None:
    assert list(changed(node((CONFIG, IMPORTING), (DROP_IN, 'version = 2\n[debug]\n  level = "debug"\n')))) == [CONFIG]


@pytest.mark.parametrize("version", ["1.6.20~ds1", "v2.1.4"])
def test_cri_is_taken_out_of_every_file_that_disables_it(version: str) -> None:
    edited = changed(node((CONFIG, IMPORTING), (DROP_IN, f'version = 2\ndisabled_plugins = ["{CRI}"]\n'), version=version))
    assert tomllib.loads(edited[DROP_IN].after.decode())["disabled_plugins"] == []


def test_every_handler_that_starts_runc_gets_the_cgroup_driver() -> None:
    kata = f'[plugins."{CRI}".containerd.runtimes.kata]\n  runtime_type = "io.containerd.kata.v2"\n'
    runtimes = cri_of(changed(node((CONFIG, NVIDIA + kata)))[CONFIG])["containerd"]["runtimes"]
    assert {name: one.get("options", {}).get("SystemdCgroup") for name, one in runtimes.items()} == {
        "nvidia": True,
        "runc": True,
        "kata": None,
    }


def test_the_old_tables_of_a_default_and_an_untrusted_handler_get_it_too() -> None:
    text = f'version = 2\n[plugins."{CRI}".containerd.default_runtime]\n  runtime_type = "io.containerd.runc.v2"\n'
    handlers = cri_of(changed(node((CONFIG, text)))[CONFIG])["containerd"]
    assert handlers["default_runtime"]["options"] == {"SystemdCgroup": True}


def test_the_old_switch_that_a_shim_of_version_2_does_not_take_is_turned_off() -> None:
    text = f'version = 2\n[plugins."{CRI}"]\n  systemd_cgroup = true\n'
    assert cri_of(changed(node((CONFIG, text)))[CONFIG])["systemd_cgroup"] is False


def test_an_import_that_was_not_read_is_refused() -> None:
    (found,) = refused(node((CONFIG, 'version = 2\nimports = ["/srv/containerd/site.toml"]\n')))
    reason = "containerd config: /etc/containerd/config.toml imports /srv/containerd/site.toml, which could not be read whole"
    assert (found[0], found[1].partition("; ")[0]) == (CONFIG, reason)


def test_a_pattern_whose_files_were_not_read_is_refused() -> None:
    (found,) = refused(node((CONFIG, 'version = 2\nimports = ["/srv/containerd/*.toml"]\n')))
    assert found[0] == CONFIG
    assert found[1].startswith("containerd config: imports /srv/containerd/*.toml of /etc/containerd/config.toml could not be read")


def test_tables_of_two_schemas_are_refused_from_2_on() -> None:
    newer = f'version = 3\n[plugins."{RUNTIME}"]\n  enable_selinux = false\n'
    (found,) = refused(node((CONFIG, IMPORTING), (DROP_IN, newer), version="v2.1.4"))
    assert found[1].startswith("containerd config: plugin tables of two versions are not merged: ")


def test_a_relative_import_is_looked_for_beside_the_file() -> None:
    text = IMPORTING.replace("/etc/containerd/conf.d/*.toml", "conf.d/99-nvidia.toml")
    assert facts(node((CONFIG, text), (DROP_IN, NVIDIA))).containerd.imports == (DROP_IN,)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "files",
    [
        ((CONFIG, IMPORTING), (DROP_IN, NVIDIA)),
        ((CONFIG, IMPORTING), (DROP_IN, NVIDIA.replace("enable_cdi = true", 'sandbox_image = "pause:old"'))),
        ((CONFIG, NVIDIA),),
        ((CONFIG, f'version = 2\ndisabled_plugins = ["{CRI}"]\n'),),
        ((CONFIG, 'disabled_plugins = ["cri"]\n'),),
    ],
    ids=["import", "import-says-otherwise", "default-handler", "disabled", "header-less"],
)
@pytest.mark.parametrize("release", containerds.RELEASES)
def test_containerd_itself_finds_every_planned_value(release: str, files: tuple[tuple[str, str], ...], tmp_path: Path) -> None:
    program = containerds.program(release)
    capture = containerds.read_by(program, node(*files), tmp_path / "before")
    edited = changed(capture)
    found = containerds.values_of(program, capture, edited, tmp_path / "after")
    planned = next(iter(edited.values())).values
    assert [key for key, value in planned.items() if not CONTAINERD.holds(found, key, value)] == []
    assert found["disabled_plugins"] == []
    assert any(key[-1] == "SystemdCgroup" for key in planned)


def test_a_value_that_the_dump_does_not_have_is_seen() -> None:
    key = ("plugins", CRI, "containerd", "runtimes", "nvidia", "options", "SystemdCgroup")
    held: dict[str, Any] = {"plugins": {CRI: {"containerd": {"runtimes": {"nvidia": {"options": {"SystemdCgroup": False}}}}}}}
    assert not CONTAINERD.holds(held, key, True)
    assert CONTAINERD.holds(held, key, False)
    newer = {"plugins": {RUNTIME: held["plugins"][CRI]}}
    assert CONTAINERD.holds(newer, key, False)
    assert not CONTAINERD.holds({"plugins": {}}, key, False)
