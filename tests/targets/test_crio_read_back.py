"""The files of a move to CRI-O, read by the programs that share them with it: Debian's skopeo and podman, and CRI-O where it is to be had.

Each program runs with our files in the place of /etc/containers, an empty store, and no network, in namespaces of its own.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.facts.capture import Capture
from migrate.sources.table import origin_of
from migrate.targets.compose import compose
from migrate.targets.containers import POLICY
from migrate.targets.crio import CRIO, DROP_IN
from tests.captured import WITH_CRIO, capture_of, facts, reported, with_file

DAEMON = "/etc/docker/daemon.json"
FOLDER = "/etc/containers"
NAME = "docker.io/lab/tiny:1"
INSIDE = """
mount --bind "$1" /etc/containers && mount -t tmpfs none /var/lib/containers && mount -t tmpfs none /run && shift && exec "$@"
"""
Run = Callable[[str], "subprocess.CompletedProcess[str]"]


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip where a program is missing, or namespaces cannot be made."""
    lacking = [one for one in programs if shutil.which(one) is None]
    reason = "only root makes namespaces with mounts of their own" if os.geteuid() else f"apt-get install {' '.join(lacking)}"
    return pytest.mark.skipif(bool(lacking or os.geteuid()), reason=reason)


def capture() -> Capture:
    """The captured worker with CRI-O, whose Docker has a mirror by http and one by https, and an insecure registry."""
    found = capture_of("lab-w8", WITH_CRIO)
    settings = {"registry-mirrors": ["http://mirror.lab:5000", "https://cache.lab"], "insecure-registries": ["registry.lab:5000"]}
    aliases = '[aliases]\n"lab/busybox" = "quay.io/lab/busybox"\n"fedora" = "registry.fedoraproject.org/fedora"\n'
    found = with_file(reported(found, RegistryConfig=None), POLICY, None)
    return with_file(with_file(found, DAEMON, json.dumps(settings)), f"{FOLDER}/registries.conf.d/shortnames.conf", aliases)


def written(folder: Path, of: Capture) -> Path:
    """/etc/containers as it is on the node after the edits."""
    changes, refused = compose(CRIO, facts(of), origin_of(facts(of)))
    assert refused == ()
    there = {path: one.text for path, one in of.paths.items() if path.startswith(f"{FOLDER}/") and one.kind == "file"}
    ours = {one.path: one.after.decode() for one in changes if one.path.startswith(f"{FOLDER}/")}
    for path, text in {**there, **ours}.items():
        place = folder / path.removeprefix(f"{FOLDER}/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a shell script where the written files are /etc/containers; its own folder is $D."""
    etc = written(tmp_path / "containers", capture())
    image(tmp_path / "tiny.tar")

    def shell(script: str) -> subprocess.CompletedProcess[str]:
        for place in (FOLDER, "/var/lib/containers"):
            Path(place).mkdir(parents=True, exist_ok=True)
        words = ["unshare", "--mount", "--net", "sh", "-c", INSIDE, "sh", str(etc), "sh", "-e", "-c", script]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "D": str(tmp_path), "LC_ALL": "C"}
        return subprocess.run(words, env=environment, text=True, capture_output=True, timeout=60, check=False)

    return shell


def image(place: Path) -> str:
    """Write an image of one small layer as `docker save` does; its ID."""
    layer = archive({"hello": b"there\n"})
    digest = hashlib.sha256(layer).hexdigest()
    roots = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": roots}).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps([{"Config": f"{name}.json", "RepoTags": ["lab/tiny:1"], "Layers": [f"{digest}/layer.tar"]}]).encode()
    place.write_bytes(archive({f"{digest}/layer.tar": layer, f"{name}.json": config, "manifest.json": manifest}))
    return name


def archive(files: dict[str, bytes]) -> bytes:
    """A tar of these files."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return whole.getvalue()


@needs("podman")
def test_podman_reads_the_registries_and_the_store(run: Run) -> None:
    told = run("podman info --format json")
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    assert (found["store"]["graphDriverName"], found["store"]["graphRoot"]) == ("overlay", "/var/lib/containers/storage")
    assert found["registries"]["search"] == ["docker.io"]
    hub, insecure = found["registries"]["docker.io"], found["registries"]["registry.lab:5000"]
    assert [(one["Location"], one["Insecure"]) for one in hub["Mirrors"]] == [("mirror.lab:5000", True), ("cache.lab", False)]
    assert (hub["Location"], hub["Insecure"]) == ("docker.io", False)
    assert (insecure["Location"], insecure["Insecure"], insecure["Mirrors"]) == ("registry.lab:5000", True, None)


@needs("podman")
@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("team/app:1", "docker.io/team/app:1"),
        # a packaged alias leads away from what Docker has under that name, and is led back; another one stays
        ("lab/busybox:1.35", "docker.io/lab/busybox:1.35"),
        ("fedora:99", "registry.fedoraproject.org/fedora:99"),
    ],
)
def test_a_short_name_is_what_it_was_for_docker(short: str, full: str, run: Run) -> None:
    told = run(f"podman pull {short}")
    assert told.returncode != 0  # there is no network
    assert f"Trying to pull {full}..." in told.stderr


@needs("skopeo", "podman")
def test_skopeo_copies_into_the_store_that_is_read(run: Run, tmp_path: Path) -> None:
    copy = f"skopeo copy --quiet docker-archive:$D/tiny.tar containers-storage:{NAME}"
    told = run(f"{copy}; podman images --no-trunc --format '{{{{.ID}}}} {{{{.Repository}}}}'")
    assert (told.returncode, told.stdout) == (0, f"sha256:{image(tmp_path / 'again.tar')} docker.io/lab/tiny\n"), told.stderr


@needs("skopeo")
def test_without_the_policy_nothing_is_copied(run: Run) -> None:
    told = run(f"rm {POLICY}; skopeo copy --quiet docker-archive:$D/tiny.tar containers-storage:{NAME}")
    assert told.returncode != 0
    assert f"open {POLICY}: no such file or directory" in told.stderr


def test_crio_itself_takes_the_drop_in(tmp_path: Path) -> None:
    program = Path(os.environ.get("LAB_CRIO_DIR", "/nonexistent")) / "crio"
    if not program.exists():
        pytest.skip("LAB_CRIO_DIR names no folder with a crio")
    changes, _ = compose(CRIO, facts(capture()), origin_of(facts(capture())))
    ours = next(one.after.decode() for one in changes if one.path == DROP_IN)
    folder = tmp_path / "crio.conf.d"
    folder.mkdir()
    (folder / "99-docker2cri.conf").write_text(ours)
    words = [str(program), "--config", "/dev/null", "--config-dir", str(folder), "config"]
    told = subprocess.run(words, text=True, capture_output=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    loaded, wanted = tomllib.loads(told.stdout)["crio"], tomllib.loads(ours)["crio"]
    given = {(table, key): value for table in wanted for key, value in wanted[table].items() if key != "runtimes"}
    told_of = {(table, key): loaded[table][key] for table, key in given if key in loaded.get(table, {})}
    # what is at its default is a comment there
    assert given.keys() - told_of.keys() <= {("runtime", "default_runtime"), ("image", "pause_image"), ("network", "plugin_dirs")}
    assert told_of == {key: given[key] for key in told_of}
    assert loaded["runtime"]["runtimes"]["runc"]["runtime_type"] == "oci"
