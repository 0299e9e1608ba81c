"""No file of a tree is unaccounted for: each is read, or passed over with a word, or of a kind that is not read."""

from __future__ import annotations

import gzip
import io
import os
import random
import subprocess
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from migrate.manifests.ignore import patterns
from migrate.rules.ground import Ground
from migrate.rules.scan import Scan
from migrate.run.ledger import Ledger
from migrate.run.render import Renderers
from migrate.run.scan import Files
from migrate.run.walk import LeftOut
from migrate.targets.table import target_named

POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]\n"
FOLDERS = ("a", "charts", "templates", ".git", "node_modules", ".github", "x.d", "build")
NAMES = {
    **dict.fromkeys(("pod.yaml", "pod.json", "values.yaml", "Chart.yaml", "kustomization.yaml", "values-prod.yaml"), POD),
    **dict.fromkeys(("Makefile", "main.tf", "notes.md", "logo.png", "LICENSE", "x.unknown-kind"), b"\x89 what\n"),
    **{"Dockerfile": b"FROM x\n", "run.sh": b"docker ps\n", "app.service": b"[Unit]\n", "dockerfile.go": b"package x\n"},
    **{"_helpers.tpl": b"{{ x }}", "NOTES.txt": b"hello\n", "empty.yaml": b"", "utf16.yaml": POD.decode().encode("utf-16")},
    **{"broken.gz": b"\x1f\x8b\x08\x00broken", "pod.yaml.gz": gzip.compress(POD), "a b\n.yaml": POD},
}


class Recorded(Ledger):
    """A ledger that keeps every path."""

    def __init__(self) -> None:
        super().__init__()
        self.known: Counter[str] = Counter()

    def take(self, path: str) -> None:
        super().take(path)
        self.known[path] += 1

    def lose(self, path: str) -> None:
        super().lose(path)
        self.known[path] += 1

    def skip(self, path: str, reason: str) -> None:
        super().skip(path, reason)
        self.known[path] += 1

    def leave(self, path: str) -> None:
        super().leave(path)
        self.known[path] += 1


def files(limits: LeftOut | None = None) -> Files:
    target = target_named("containerd")
    assert target is not None
    return Files(Scan(Ground(target)), Renderers(environ={"PATH": ""}), limits or LeftOut(), ledger=Recorded())


def made(root: Path, chance: random.Random, depth: int = 0) -> None:
    for name in chance.sample(sorted(NAMES), chance.randrange(len(NAMES))):
        (root / name).write_bytes(NAMES[name])
    if chance.random() < 0.3:
        os.mkfifo(root / "pipe.yaml")
    if chance.random() < 0.3:
        (root / "link.yaml").symlink_to(chance.choice(["nowhere", "..", "pod.yaml"]))
    for name in chance.sample(FOLDERS, chance.randrange(4)) if depth < 3 else ():
        (root / name).mkdir()
        made(root / name, chance, depth + 1)


@pytest.mark.parametrize("seed", range(12))
def test_every_path_has_one_fate(seed: int, tmp_path: Path) -> None:
    made(tmp_path, random.Random(seed))
    limits = LeftOut(patterns(["build/", "*.md"]), gitignore=True) if seed % 2 else LeftOut()
    walked = files(limits)
    walked.paths([str(tmp_path)], io.BytesIO())
    known = walked.ledger.known  # type: ignore[attr-defined]
    assert [path for path, count in known.items() if count > 1] == []
    for folder, _, names in os.walk(tmp_path):
        for path in (os.path.join(folder, name) for name in names):
            above = [path[:end] for end in range(len(str(tmp_path)), len(path)) if path[end] == os.sep]
            assert (path in known) != any(one in known for one in above), path
    counted = walked.ledger
    total = counted.read + counted.lost + sum(tally.count for tally in (*counted.passed.values(), *counted.unread.values()))
    assert total == sum(known.values())


def test_an_archive_is_read_as_a_folder(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in (("web/pod.yaml", POD), ("web/x.png", b"x"), ("../out.yaml", POD), ("/abs/pod.yaml", POD)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("web/link.yaml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    path = tmp_path / "web-1.0.tgz"
    path.write_bytes(packed.getvalue())
    walked = files()
    walked.paths([str(path)], io.BytesIO())
    found = sorted(finding.location.path for judged in walked.scan.workloads for finding in judged.findings if finding.location)
    assert found == [f"{path}/abs/pod.yaml", f"{path}/web/pod.yaml"]
    assert walked.ledger.told == [
        ("1 path", f"a member of an archive; its name leads out of the archive: {path}/../out.yaml"),
        ("1 path", f"a member of an archive; no regular file: {path}/web/link.yaml"),
        ("1 .png file", f"a kind that is not read: {path}/web/x.png"),
    ]
    assert [found.name for found in tmp_path.iterdir()] == ["web-1.0.tgz"]
    path.write_bytes(packed.getvalue()[:-100])
    cut = files()
    cut.paths([str(path)], io.BytesIO())
    assert [(lost.what, lost.path) for lost in cut.unreadable] == [(str(path), str(path))]
    assert " breaks off: " in cut.unreadable[0].reason


@pytest.mark.parametrize("data", [POD.decode().encode("utf-16"), POD.decode().encode("utf-32"), b"\xef\xbb\xbf" + POD, gzip.compress(POD)])
def test_encoded_and_packed_text_is_read(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_bytes(data)
    walked = files()
    walked.paths([str(tmp_path / "pod.yaml"), "-"], io.BytesIO(data))
    found = [(finding.code, finding.location.line) for judged in walked.scan.workloads for finding in judged.findings if finding.location]
    assert (found, walked.unreadable) == ([("D2C301", 5)] * 2, [])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (POD.decode().encode("utf-16-le"), "it is no UTF-8 text (many NUL bytes); nothing of it was judged"),
        (b"\xff\xfe" + b"\x00\xd8" * 3, "UTF-16 text that breaks off: illegal UTF-16 surrogate; nothing of it was judged"),
        (gzip.compress(POD)[:40], "gzip data that breaks off: Compressed file ended before the end-of-stream marker was reached"),
    ],
    ids=("UTF-16 without a mark", "UTF-16 that breaks off", "gzip that breaks off"),  # gzip's own data holds the time
)
def test_what_is_not_read_is_never_called_read(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_bytes(data + b"")
    walked = files()
    walked.paths([str(tmp_path)], io.BytesIO())
    [lost] = walked.unreadable
    assert lost.reason.startswith(reason)
    assert (walked.ledger.read, walked.ledger.lost) == (0, 1)


def test_a_gzip_bomb_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate.run.opened.UNPACKED", 1 << 20)
    (tmp_path / "pod.yaml.gz").write_bytes(gzip.compress(b"# a comment\n" * 200_000))
    walked = files()
    walked.paths([str(tmp_path)], io.BytesIO())
    assert [lost.reason for lost in walked.unreadable] == ["it unpacks to more than 1 MiB; nothing of it was judged"]


def test_a_deep_tree_is_walked(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with os.fdopen(os.open("pod.yaml", os.O_WRONLY | os.O_CREAT, dir_fd=here), "wb") as file:
        file.write(POD)
    os.close(here)
    walked = files()
    walked.paths([str(tmp_path)], io.BytesIO())
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # pytest removes old folders by recursion, which ends before this depth
    assert walked.ledger.read == 1


def test_an_archive_of_other_kinds_is_no_failure_of_the_folder_around_it(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "layer.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("bin/x"))
    (tmp_path / "pod.yaml").write_bytes(POD)
    walked, alone = files(), files()
    walked.paths([str(tmp_path)], io.BytesIO())
    alone.paths([str(tmp_path / "layer.tar")], io.BytesIO())
    assert (walked.unreadable, walked.ledger.read) == ([], 1)
    assert [lost.reason for lost in alone.unreadable] == ["nothing in it could be read: it has no file of a kind that is read"]


def test_a_file_that_was_asked_for_and_is_not_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_bytes(b'path = "/var/run/docker.sock"\n')
    (tmp_path / "odd.yaml").write_bytes(b"docker: [\n")
    walked = files()
    walked.paths([str(tmp_path / "main.tf"), str(tmp_path / "odd.yaml")], io.BytesIO())
    assert [(lost.what, lost.reason) for lost in walked.unreadable] == [
        (f"{tmp_path}/main.tf", "a kind that is not read; nothing of it was judged")
    ]
    assert walked.scan.misread.told == [("1 document", f"neither YAML nor JSON, nothing of it was judged: {tmp_path}/odd.yaml:2")]
