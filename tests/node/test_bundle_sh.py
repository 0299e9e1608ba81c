"""The files of a static tarball laid in a scratch root: once, again, cut off anywhere, and refused where something is in the way."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pytest

from tests.node.scratch import OWNER, SHELLS
from tests.node.test_disks import mounted

PARTS = ("base.sh", "journal.sh", "units.sh", "files.sh", "bundle.sh")
PROGRAM = random.Random(1).randbytes(200_000)  # does not compress
PINNS = b"pinns" * 20_000
UNIT = b"[Service]\nExecStart=/usr/local/bin/crio\n"
OWN = b"[Unit]\nDescription=written beside them\n"
BIN, UNITS = "/usr/local/bin", "/usr/local/lib/systemd/system"
MEMBERS = {"cri-o/bin/crio": PROGRAM, "cri-o/bin/pinns": PINNS, "cri-o/bin/runc": b"not for us", "cri-o/contrib/crio.service": UNIT}
LAID = {
    f"{BIN}/crio": ("755", "cri-o/bin/crio", PROGRAM),
    f"{BIN}/pinns": ("755", "cri-o/bin/pinns", PINNS),
    f"{UNITS}/crio.service": ("644", "cri-o/contrib/crio.service", UNIT),
    f"{UNITS}/own.service": ("644", "run:1", OWN),
}
# Kills the program at its Nth step: before and after each tool that changes something. What a killed shell had started goes no further.
KILL = """
die_at() {
  printf . >>"$home/points"
  [ "$(wc -c <"$home/points")" -ne "${D2C_KILL_AT:-0}" ] || { kill -9 $$; exit 1; }
}
dd() { die_at; command dd "$@" && die_at; }
mv() { die_at; command mv "$@" && die_at; }
mkdir() { die_at; command mkdir "$@" && die_at; }
chmod() { die_at; command chmod "$@" && die_at; }
rm() { die_at; command rm "$@" && die_at; }
"""
RUN_IT = f'\nbundle_owner={OWNER}\n"$@" || {{ printf "%s\\n" "$reason"; exit 1; }}\n'
# all tools are busybox's, as on a node that has no others
APPLETS = tuple("ash busybox chmod chown cut dd dirname gzip mkdir mv readlink rm sed sha256sum stat tar tr wc".split())
TOOLS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **{name: (shell, ()) for name, shell in SHELLS.items()},
    "busybox alone": (SHELLS["busybox"], APPLETS),
}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tarball(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Node:
    """A scratch root with what was pushed to it, and a program that calls one function."""

    def __init__(self, root: Path, tools: str) -> None:
        self.root = root
        self.run = root / "var/lib/docker2cri/run-1"
        (self.run / "bundle").mkdir(parents=True)
        self.shell, applets = TOOLS[tools]
        self.path = os.defpath + ":/usr/sbin:/sbin"
        if applets:
            here = root / ".tools"
            here.mkdir()
            for applet in applets:
                (here / applet).symlink_to(shutil.which("busybox") or "")
            self.path = str(here)
        parts = [resources.files("migrate.node").joinpath(part).read_text() for part in PARTS]
        (self.run / "program.sh").write_text("\n".join(parts) + KILL + RUN_IT)
        self.push(tarball(MEMBERS))
        (self.run / "bundle/1").write_bytes(OWN)
        lines = (f"{digest(data)} {mode} {source} {path}\n" for path, (mode, source, data) in LAID.items())
        (self.run / "bundle.list").write_text("".join(lines))

    def push(self, data: bytes) -> None:
        (self.run / "bundle.tar.gz").write_bytes(data)
        self.sum = digest(data)

    def call(self, *words: str, kill_at: int = 0) -> tuple[int, str]:
        """Exit code and what was printed: the reason of a failure, nothing else."""
        (self.run.parent / "points").unlink(missing_ok=True)
        env = {"PATH": self.path, "D2C_ROOT": str(self.root), "D2C_KILL_AT": str(kill_at)}
        command = [*self.shell, str(self.run / "program.sh"), *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout

    def lay(self, kill_at: int = 0) -> tuple[int, str]:
        return self.call("bundle_lay", self.sum, kill_at=kill_at)

    def place(self, path: str, data: bytes, mode: int = 0o755) -> Path:
        found = self.root / path.lstrip("/")
        found.parent.mkdir(parents=True, exist_ok=True)
        found.write_bytes(data)
        found.chmod(mode)
        return found

    def files(self) -> dict[str, tuple[str, bytes]]:
        """Everything below /usr: mode and content; of a directory its mode alone."""
        found = {}
        for path in sorted((self.root / "usr").rglob("*")):
            mode = f"{stat.S_IMODE(path.stat().st_mode):o}"
            found[f"/{path.relative_to(self.root)}"] = (mode, path.read_bytes() if path.is_file() else b"")
        return found


DIRECTORIES = ("/usr/local", BIN, "/usr/local/lib", "/usr/local/lib/systemd", UNITS)
ALL = {**dict.fromkeys(DIRECTORIES, ("755", b"")), **{path: (mode, data) for path, (mode, _, data) in LAID.items()}}


@pytest.fixture(params=TOOLS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    return Node(tmp_path, request.param)


def test_laid_and_laid_again(node: Node) -> None:
    assert node.call("bundle_free") == (0, "")
    assert node.call("bundle_there") == (1, f"{BIN}/crio is not there\n")
    assert node.lay() == (0, "")
    assert node.files() == ALL
    assert node.call("bundle_there") == node.call("bundle_free") == (0, "")
    assert sorted(path.name for path in node.run.iterdir()) == ["bundle", "bundle.list", "bundle.tar.gz", "program.sh"]
    before = {path: (node.root / path.lstrip("/")).stat().st_ino for path in LAID}
    (node.run / "bundle.tar.gz").unlink()  # what is there needs no tarball
    assert node.lay() == (0, "")
    assert {path: (node.root / path.lstrip("/")).stat().st_ino for path in LAID} == before


def test_a_file_of_ours_with_another_mode_is_put_right_and_one_that_is_there_stays(node: Node) -> None:
    node.place(f"{BIN}/crio", PROGRAM, 0o700)
    kept = node.place(f"{UNITS}/crio.service", UNIT, 0o644).stat().st_ino
    assert node.call("bundle_there") == (1, f"{BIN}/crio is 700 {OWNER}, planned was 755 {OWNER}\n")
    assert node.lay() == (0, "")
    assert {path: node.files()[path] for path in LAID} == {path: ALL[path] for path in LAID}
    assert (node.root / f"{UNITS}/crio.service".lstrip("/")).stat().st_ino == kept


def test_another_s_file_is_never_overwritten(node: Node) -> None:
    other = b"another's\n"
    node.place(f"{UNITS}/crio.service", other, 0o644)
    before = node.files()
    there = f"{UNITS}/crio.service is there already with hash {digest(other)}"
    refused = (1, f"{there}, planned is {digest(UNIT)}: nothing is overwritten; move it away, then the same again\n")
    assert node.call("bundle_free") == node.lay() == refused
    assert node.files() == before


def test_a_link_and_a_directory_in_the_way_are_another_s_too(node: Node) -> None:
    real = node.place("/opt/bin/crio", PROGRAM)
    link = node.root / f"{BIN}/crio".lstrip("/")
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    again = "nothing is overwritten; move it away, then the same again\n"
    assert node.lay() == (1, f"{BIN}/crio is there already, a link to {real}: {again}")
    link.unlink()
    link.mkdir()
    assert node.lay() == (1, f"{BIN}/crio is there already, and is no file: {again}")
    link.rmdir()
    node.place("/usr/local/lib", b"no directory\n")
    assert node.lay() == (1, f"{node.root}/usr/local/lib is there already, and is no directory; move it away, then the same again\n")
    assert sorted(node.files()) == ["/usr/local", BIN, "/usr/local/lib"]


def test_a_torn_push_and_none_are_said_before_anything_is_laid(node: Node) -> None:
    tar = node.run / "bundle.tar.gz"
    torn = tar.read_bytes()[:-3000]
    tar.write_bytes(torn)
    came = f"{tar} has hash {digest(torn)}, planned was {node.sum}: it did not come whole; docker2cri apply pushes it again\n"
    assert node.lay() == (1, came)
    tar.unlink()
    assert node.lay() == (1, f"{tar} is missing: the tarball was not pushed; docker2cri apply pushes it again\n")
    assert not (node.root / "usr").exists()


@pytest.mark.parametrize("what", ["missing", "another", "torn", "no tar"])
def test_a_tarball_that_has_not_what_was_planned_lays_nothing_of_it(what: str, node: Node) -> None:
    without = {name: data for name, data in MEMBERS.items() if name != "cri-o/bin/pinns"}
    whole = tarball(MEMBERS)
    made = {
        "missing": tarball(without),
        "another": tarball({**MEMBERS, "cri-o/bin/pinns": b"another"}),
        "torn": whole[: len(whole) - 500],
        "no tar": b"this is no tarball\n" * 100,
    }
    node.push(made[what])
    code, said = node.lay()
    first = "cri-o/bin/crio" if what in ("torn", "no tar") else "cri-o/bin/pinns"
    planned = digest(MEMBERS[first])
    assert (code, said.startswith(f"{first} in {node.run}/bundle.tar.gz has hash ")) == (1, True), said
    assert f", planned was {planned} (" in said
    assert said.endswith("); make a new plan\n")
    assert {path for path in node.files() if path in LAID} <= {f"{BIN}/crio"} if (node.root / "usr").exists() else True
    assert not list(node.root.rglob(".docker2cri-*"))


@pytest.mark.parametrize("line", ["", "0123 755\n"])
def test_a_list_that_cannot_be_read_is_no_empty_list(line: str, node: Node) -> None:
    (node.run / "bundle.list").write_text(line)
    said = f"{node.run}/bundle.list has a line that cannot be read: 0123\n" if line else None
    missing = f"{node.run}/bundle.list is missing: nothing says which files are to be laid\n"
    for function in ("bundle_free", "bundle_there"):
        assert node.call(function) == (1, said or missing)


def test_killed_anywhere_and_done_again(node: Node) -> None:
    for points in range(1, 200, 1 if os.environ.get("FULL") == "1" else 7):
        shutil.rmtree(node.root / "usr", ignore_errors=True)
        killed = node.lay(kill_at=points)[0] == -9
        found = node.files() if (node.root / "usr").exists() else {}
        whole = {path: one for path, one in found.items() if not path.rpartition("/")[2].startswith(".docker2cri-")}
        assert whole.items() <= ALL.items()
        if points % 2:
            assert node.call("bundle_tidy") == (0, "")
            assert not list(node.root.rglob(".docker2cri-*"))
            assert not (node.run / "bundle.member").exists()
        assert node.lay() == (0, "")
        assert node.files() == ALL
        assert not (node.run / "bundle.member").exists()
        if not killed:
            break
    assert points > 30


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
@pytest.mark.parametrize(("which", "size"), [("usr/local", "128k"), ("var/lib/docker2cri/run-1", "300k")])
def test_a_full_disk_is_named_and_leaves_no_half_of_a_file(which: str, size: str, node: Node) -> None:
    place = node.root / which
    place.mkdir(parents=True, exist_ok=True)
    kept = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    with mounted(place, "-t", "tmpfs", "-o", f"size={size},mode=755", "none"):
        for name, data in kept.items():
            (place / name).write_bytes(data)
        if kept:
            (place / "bundle").mkdir()
            (place / "bundle/1").write_bytes(OWN)
        code, said = node.lay()
        crio = f"{node.root}{BIN}/crio" if which == "usr/local" else f"{place}/bundle.member"
        disk = crio.rpartition("/")[0] if which == "usr/local" else str(node.run.parent)
        full = f"{crio} cannot be written: the disk with {disk} is full; make room there: df -h {place}; df -i {place}\n"
        assert (code, said) == (1, full)
        assert not list(node.root.rglob(".docker2cri-*"))
        assert not (place / "bundle.member").exists()
    shutil.rmtree(node.root / "usr", ignore_errors=True)
    assert node.lay() == (0, "")
    assert node.files() == ALL


def test_no_name_of_the_tarball_becomes_a_path(node: Node) -> None:
    """A link among the members, on which the next one would be written through, changes nothing."""
    out = io.BytesIO()
    trap = node.root / "trap"
    trap.mkdir()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        link = tarfile.TarInfo("cri-o/bin")
        link.type, link.linkname = tarfile.SYMTYPE, str(trap)
        tar.addfile(link)
        for name, data in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o4755
            tar.addfile(info, io.BytesIO(data))
    node.push(out.getvalue())
    assert node.lay() == (0, "")
    assert node.files() == ALL
    assert not list(trap.iterdir())
