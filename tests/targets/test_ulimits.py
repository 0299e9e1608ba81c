"""Docker's default-ulimits become limits of containers, whatever the target is; the daemon keeps its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from migrate.facts.capture import Capture
from migrate.sources.table import origin_of
from migrate.targets import Stay, Target
from migrate.targets.compose import FileChange, compose
from migrate.targets.containerd import CONTAINERD
from migrate.targets.containerd_base_spec import PATH, base_spec, base_spec_edit
from migrate.targets.crio import CRIO
from migrate.targets.ulimits import Ulimit, ulimits
from tests.captured import WITH_CRIO, capture_of, facts, with_file, with_output

CONFIG = "/etc/containerd/config.toml"
CRI = 'plugins."io.containerd.grpc.v1.cri"'
V3 = "plugins.'io.containerd.cri.v1.runtime'"
MORE = {"core": {"Name": "core", "Soft": -1, "Hard": -1}, "nofile": {"name": "nofile", "soft": 1024, "hard": 4096}, "bogus": {"Soft": 1}}


def node(host: str = "lab-w1", given: object = MORE, bundle: Path | None = None) -> Capture:
    capture = capture_of(host, bundle) if bundle else capture_of(host)
    return with_file(capture, "/etc/docker/daemon.json", json.dumps({"default-ulimits": given}))


def changed(capture: Capture, target: Target = CONTAINERD) -> dict[str, FileChange]:
    changes, refused = compose(target, facts(capture), origin_of(facts(capture)))
    assert refused == ()
    return {one.path: one for one in changes}


def runtimes(capture: Capture) -> dict[str, Any]:
    values: dict[str, Any] = tomllib.loads(changed(capture)[CONFIG].after.decode())["plugins"]
    (plugin,) = [name for name in values if name.startswith(("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"))]
    return {name: table.get("base_runtime_spec") for name, table in values[plugin]["containerd"]["runtimes"].items()}


def test_for_containerd_they_are_rlimits_of_its_own_default_specification() -> None:
    files = changed(node())
    assert json.loads(files[PATH].after)["process"]["rlimits"] == [
        {"type": "RLIMIT_CORE", "hard": 2**64 - 1, "soft": 2**64 - 1},
        {"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 1024},
    ]
    assert [path for path in files if path.endswith("-limits.conf")] == []
    order = list(files)
    assert order.index(PATH) < order.index(CONFIG)  # a handler never names a file that is not there


@pytest.mark.parametrize(
    ("release", "text", "expected"),
    [
        (
            "1.6.20",
            f'version = 2\n[{CRI}.containerd.runtimes.kata]\nruntime_type = "io.containerd.kata.v2"\n',
            {"runc": PATH, "kata": None},
        ),
        ("1.6.20", f'version = 2\n[{CRI}.containerd.runtimes.gpu]\nruntime_type = "io.containerd.runc.v2"\n', {"runc": PATH, "gpu": PATH}),
        ("1.7.27", f'version = 2\n[{CRI}.containerd.runtimes.runc]\nbase_runtime_spec = ""\n', {"runc": PATH}),
        ("2.3.4", f"version = 3\n[{V3}.containerd.runtimes.runc]\nruntime_type = 'io.containerd.runc.v2'\n", {"runc": PATH}),
    ],
)
def test_every_handler_that_starts_runc_is_made_from_it(release: str, text: str, expected: dict[str, str | None]) -> None:
    capture = with_output(node(), "containerd version", f"containerd github.com/containerd/containerd v{release} x\n")
    if release.startswith("2"):
        capture = with_output(capture, "containerd config dump", "version = 3\n")
    assert runtimes(with_file(capture, CONFIG, text)) == expected


def test_a_specification_of_the_admin_s_stays() -> None:
    mine = f'version = 2\n[{CRI}.containerd.runtimes.runc]\nbase_runtime_spec = "/etc/containerd/cri-base.json"\n'
    capture = with_file(node(), CONFIG, mine)
    assert PATH not in changed(capture)
    assert runtimes(capture) == {"runc": "/etc/containerd/cri-base.json"}
    assert [stay for stay in CONTAINERD.stays(facts(capture)) if stay.docker_key] == [
        Stay(
            "default-ulimits",
            "containerd.runtimes.runc.base_runtime_spec",
            "/etc/containerd/cri-base.json",
            CONFIG,
            "its containers get the limits of that file, not Docker's",
        )
    ]


def test_for_crio_they_are_default_ulimits_beside_its_own() -> None:
    drop_in = "/etc/crio/crio.conf.d/99-docker2cri.conf"
    capture = node("lab-w8", bundle=WITH_CRIO)
    assert tomllib.loads(changed(capture, CRIO)[drop_in].after.decode())["crio"]["runtime"]["default_ulimits"] == [
        "core=-1:-1",
        "nofile=1024:4096",
    ]
    assert [path for path in changed(capture, CRIO) if path.endswith("-limits.conf")] == []
    own = with_output(capture, "crio config", '[crio.runtime]\ndefault_ulimits = ["nofile=7:8", "nproc=9:9"]\n')
    assert tomllib.loads(changed(own, CRIO)[drop_in].after.decode())["crio"]["runtime"]["default_ulimits"] == [
        "nofile=7:8",
        "nproc=9:9",
        "core=-1:-1",
    ]
    assert CRIO.stays(facts(own)) == (
        Stay("default-ulimits", "crio.runtime.default_ulimits", "nofile=7:8", "/etc/crio/crio.conf", "Docker's is nofile=1024:4096"),
    )


@pytest.mark.parametrize("limit", [{"Soft": 1024}, {"Soft": "many", "Hard": 1}, {"Soft": -2, "Hard": 1}])
def test_what_is_no_limit_is_refused(limit: dict[str, object]) -> None:
    found = facts(node(given={"nofile": limit}))
    (refused,) = compose(CONTAINERD, found, origin_of(found))[1]
    assert refused.reason.endswith("expected a number; correct it in Docker's configuration")


def test_a_node_without_them_has_none() -> None:
    assert ulimits(facts(with_file(capture_of(), "/etc/docker/daemon.json", "{}"))) == ()


@pytest.mark.skipif(shutil.which("ctr") is None, reason="ctr is not installed")
def test_the_specification_is_what_ctr_prints() -> None:
    real = json.loads(subprocess.run(["ctr", "oci", "spec"], capture_output=True, check=True, timeout=30).stdout)
    made = base_spec([Ulimit("nofile", 1024, 1024)])
    assert json.loads(base_spec_edit([Ulimit("nofile", 1024, 1024)]).rewrite(None) or "") == made
    for spec in (real, made):
        spec["linux"]["maskedPaths"] = [path for path in spec["linux"]["maskedPaths"] if path != "/sys/devices/virtual/powercap"]
        del spec["ociVersion"]
    assert made == real


@pytest.mark.parametrize(("target", "host", "bundle"), [(CONTAINERD, "lab-w1", None), (CRIO, "lab-w8", WITH_CRIO)])
def test_a_limit_that_is_no_number_is_refused_and_hides_nothing_else(target: Target, host: str, bundle: Path | None) -> None:
    capture = node(host, {"nofile": {"Soft": "x", "Hard": 2}}, bundle)
    assert [stay.docker_key for stay in target.stays(facts(capture)) if stay.docker_key == "default-ulimits"] == []
    _, refused = compose(target, facts(capture), origin_of(facts(capture)))
    assert ["soft of nofile is 'x', expected a number" in one.reason for one in refused] == [True]
