"""Static tarballs as an operator has them: whole, renamed, torn, without a sum, changed since the plan."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from migrate.errors import UsageError
from migrate.plan.steps import BundleSource
from migrate.run import bundle
from migrate.run.bundle import bundle_data, named, read_bundle
from migrate.targets.bundle import BundleFile
from migrate.targets.bundles import CONTAINERD_BUNDLE, CRIO_BUNDLE

CRIO = "cri-o.amd64.v1.23.5.tar.gz"
MEMBERS = {
    "cri-o/bin/crio": b"crio" * 5000,
    "cri-o/bin/runc": b"not for us",
    "cri-o/bin/pinns": b"pinns",
    "cri-o/bin/conmon": b"conmon",
    "cri-o/bin/crictl": b"crictl",
    "cri-o/contrib/crio.service": b"[Service]\n",
}
AGAIN = "fetch the static tarball of CRI-O 1.23.5 from its project again"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.size = kind, size
    return found


def plain(*extra: tarfile.TarInfo, members: dict[str, bytes] = MEMBERS) -> bytes:
    """An uncompressed tar of these members after those that have no content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for one in extra:
            tar.addfile(one)
        tar.addfile(entry("cri-o", 0, tarfile.DIRTYPE))
        for name, data in members.items():
            tar.addfile(entry(name, len(data)), io.BytesIO(data))
    return out.getvalue()


def put(folder: Path, data: bytes, name: str = CRIO) -> str:
    """A tarball and its sum, as CRI-O publishes it."""
    (folder / name).write_bytes(data)
    (folder / f"{name}.sha256sum").write_text(f"{digest(data)}  {name}\n")
    return str(folder / name)


def refused(path: str, digest: str | None = None) -> str:
    with pytest.raises(UsageError) as wrong:
        read_bundle(path, (CRIO_BUNDLE,), digest)
    return str(wrong.value)


def told(path: str, seen: str, expected: str, next: str) -> str:
    return f"{path}: {seen}\n  expected: {expected}\n  next: {next}"


def test_a_whole_tarball_is_what_the_plan_says_of_it(tmp_path: Path) -> None:
    data = gzip.compress(plain())
    found = read_bundle(put(tmp_path, data), (CONTAINERD_BUNDLE, CRIO_BUNDLE))
    paths = {"crio": "bin/crio", "pinns": "bin/pinns", "conmon": "bin/conmon", "crictl": "bin/crictl"}
    files = [(f"cri-o/{member}", f"/usr/local/bin/{name}", "755") for name, member in paths.items()]
    files.append(("cri-o/contrib/crio.service", "/usr/local/lib/systemd/system/crio.service", "644"))
    assert (found.layout, found.version, found.arch) == (CRIO_BUNDLE, "1.23.5", "amd64")
    assert found.source == BundleSource(
        path=str(tmp_path / CRIO),
        sha256=digest(data),
        size=len(data),
        files=tuple(
            BundleFile(member=member, path=path, sha256=digest(MEMBERS[member]), mode=mode, size=len(MEMBERS[member]))
            for member, path, mode in files
        ),
    )
    assert bundle_data(found.source) == data


def test_a_path_is_absolute_in_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, gzip.compress(plain()))
    monkeypatch.chdir(tmp_path)
    assert read_bundle(f"./{CRIO}", (CRIO_BUNDLE,)).source.path == str(tmp_path / CRIO)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (f"{CRIO}.sha256sum", "{sum}  {name}\n"),
        (f"{CRIO}.sha256sum", "{sum} *./{name}\n"),
        (f"{CRIO}.sha256sum", "{upper}"),
        (f"{CRIO}.sha256", "{sum}\n"),
        (f"{CRIO}.sha256", "# sums\n{zero}  another.tar.gz\n{sum}  {name}\r\n"),
    ],
)
def test_a_sum_is_taken_as_projects_publish_it(name: str, text: str, tmp_path: Path) -> None:
    data = gzip.compress(plain())
    path = put(tmp_path, data)
    (tmp_path / f"{CRIO}.sha256sum").unlink()
    written = text.format(sum=digest(data), upper=digest(data).upper(), name=CRIO, zero="0" * 64)
    (tmp_path / name).write_bytes(written.encode())
    assert read_bundle(path, (CRIO_BUNDLE,)).source.sha256 == digest(data)


@pytest.mark.parametrize("text", ["", "none\n", "{zero}  another.tar.gz\n", "{zero}\n{one}\n", "{zero}"[:-1] + "}a\n"])
def test_a_file_of_sums_that_does_not_say_is_not_passed_over(text: str, tmp_path: Path) -> None:
    path = put(tmp_path, gzip.compress(plain()))
    (tmp_path / f"{CRIO}.sha256sum").write_text(text.format(zero="0" * 64, one="1" * 64))
    by_hand = f"say which it has to be: --install {path}@sha256:HEX"
    assert refused(path) == told(f"{path}.sha256sum", f"it does not give one SHA-256 of {CRIO}", f"a line `HEX  {CRIO}`", by_hand)


def test_without_a_sum_nothing_is_taken(tmp_path: Path) -> None:
    data = gzip.compress(plain())
    path = put(tmp_path, data)
    (tmp_path / f"{CRIO}.sha256sum").unlink()
    assert refused(path) == told(
        path,
        "nothing says which SHA-256 it has to have",
        f"{CRIO}.sha256sum or {CRIO}.sha256 beside it",
        f"fetch {CRIO}.sha256sum from where the tarball came from, or say which it has to be: --install {path}@sha256:HEX",
    )
    assert read_bundle(path, (CRIO_BUNDLE,), digest(data)).version == "1.23.5"


def test_another_sum_is_told_with_where_it_came_from(tmp_path: Path) -> None:
    data = gzip.compress(plain())
    path = put(tmp_path, data)
    again = "fetch it again, whole, from its project"
    seen = f"its SHA-256 is {digest(data)}"
    assert refused(path, "0" * 64) == told(path, seen, f"{'0' * 64}, as --install says", again)
    Path(path).write_bytes(data[:-10])
    assert refused(path) == told(path, f"its SHA-256 is {digest(data[:-10])}", f"{digest(data)}, as {CRIO}.sha256sum says", again)


def _broken() -> dict[str, tuple[bytes, str]]:
    whole = gzip.compress(plain())
    crc = bytearray(whole)
    crc[-8] ^= 1
    short = {name: data for name, data in MEMBERS.items() if name != "cri-o/bin/pinns"}
    return {
        "torn": (whole[:-20], "Compressed file ended before the end-of-stream marker was reached"),
        "its last block torn": (whole[:-4], "Compressed file ended before the end-of-stream marker was reached"),
        "damaged": (bytes(crc), "CRC check failed"),
        "its tar torn": (gzip.compress(plain()[:3000]), "unexpected end of data"),
        "no gzip": (plain(), "Not a gzipped file (b'cr')"),
        "no tar": (gzip.compress(b"no tar" * 1000), "invalid header"),
        "empty": (b"", "empty file"),
        "a member missing": (gzip.compress(plain(members=short)), "it has no member cri-o/bin/pinns, which CRI-O needs"),
        "a link": (
            gzip.compress(plain(entry("cri-o/bin/pinns", 0, tarfile.SYMTYPE), members=short)),
            "its member cri-o/bin/pinns is a symbolic link, expected a file",
        ),
        "a sparse file": (
            gzip.compress(plain(entry("cri-o/bin/pinns", 0, tarfile.GNUTYPE_SPARSE), members=short)),
            "its member cri-o/bin/pinns is a special file, expected a file",
        ),
        "two of a name": (
            gzip.compress(plain(entry("cri-o/bin/pinns", 0, tarfile.DIRTYPE), entry("cri-o/bin/crio", 0))),
            "its member cri-o/bin/pinns is a directory, expected a file",
        ),
    }


@pytest.mark.parametrize("kind", _broken())
def test_what_is_not_the_tarball_is_refused_though_its_sum_is_right(kind: str, tmp_path: Path) -> None:
    data, why = _broken()[kind]
    path = put(tmp_path, data)
    seen, _, rest = refused(path).partition("\n")
    assert seen.startswith(f"{path}: {why}"), seen
    assert rest == f"  expected: the tarball of CRI-O 1.23.5\n  next: {AGAIN}"


@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [
        ("MEMBERS", 3, "it has more than 3 members"),
        ("MEMBER_BYTES", 10_000, "its member 'cri-o/bin/crio' has 20000 bytes, expected 10000 at most"),
        ("TOTAL_BYTES", 15_000, "it unpacks to more than 15000 bytes"),
    ],
)
def test_a_tarball_beyond_a_limit_is_not_read_further(
    limit: str, value: int, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, limit, value)
    path = put(tmp_path, gzip.compress(plain()))
    assert refused(path) == told(path, why, "the tarball of CRI-O 1.23.5", AGAIN)


def test_a_file_too_large_is_not_even_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "TARBALL_BYTES", 100)
    data = gzip.compress(plain())
    path = put(tmp_path, data)
    assert refused(path, "0" * 64) == told(path, f"it has {len(data)} bytes", "a tarball of 100 bytes at most", AGAIN)


def test_a_renamed_file_is_told_how_it_has_to_be_named(tmp_path: Path) -> None:
    path = put(tmp_path, gzip.compress(plain()), "crio.tar.gz")
    assert refused(path) == told(
        path,
        "the name crio.tar.gz tells neither version nor architecture: CRI-O's is named like cri-o.amd64.v1.23.5.tar.gz",
        "a file named like cri-o.amd64.v1.23.5.tar.gz",
        "name it as its project does, so that version and architecture are known before anything is pushed",
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / CRIO)
    assert refused(path) == told(path, "No such file or directory", "a file that can be read", f"ls -l {path}")
    (tmp_path / CRIO).mkdir()
    assert refused(path) == told(path, "Is a directory", "a file that can be read", f"ls -l {path}")
    (tmp_path / CRIO).rmdir()
    put(tmp_path, gzip.compress(plain()))
    (tmp_path / f"{CRIO}.sha256sum").unlink()
    (tmp_path / f"{CRIO}.sha256sum").mkdir()
    assert refused(path) == told(f"{path}.sha256sum", "Is a directory", "a file that can be read", f"ls -l {path}.sha256sum")


def test_a_tarball_that_changed_since_the_plan_is_not_pushed(tmp_path: Path) -> None:
    data = gzip.compress(plain())
    source = read_bundle(put(tmp_path, data), (CRIO_BUNDLE,)).source
    expected = f"as planned {len(data)} bytes with SHA-256 {digest(data)}"
    next = "put the planned file there again, or make a new plan"
    for changed, seen in (
        (data[:-1] + b"x", f"its SHA-256 is {digest(data[:-1] + b'x')}"),
        (data + b"x", f"it has {len(data) + 1} bytes"),
        (b"", "it has 0 bytes"),
    ):
        (tmp_path / CRIO).write_bytes(changed)
        with pytest.raises(UsageError) as wrong:
            bundle_data(source)
        assert str(wrong.value) == told(source.path, seen, expected, next)
    (tmp_path / CRIO).unlink()
    with pytest.raises(UsageError) as wrong:
        bundle_data(source)
    assert str(wrong.value) == told(source.path, "No such file or directory", "a file that can be read", f"ls -l {source.path}")


@pytest.mark.parametrize(
    ("asked", "path", "found"),
    [
        ("./a.tar.gz", "./a.tar.gz", None),
        ("packages", "packages", None),
        (f"a.tar.gz@sha256:{'Ab' * 32}", "a.tar.gz", "ab" * 32),
        (f"odd@sha256:x/a.tar.gz@sha256:{'0' * 64}", "odd@sha256:x/a.tar.gz", "0" * 64),
    ],
)
def test_a_sum_may_be_named_with_the_file(asked: str, path: str, found: str | None) -> None:
    assert named(asked) == (path, found)


@pytest.mark.parametrize("digest", ["", "abc", "g" * 64, "0" * 63, "0" * 65])
def test_a_sum_that_is_none_is_refused(digest: str) -> None:
    with pytest.raises(UsageError) as wrong:
        named(f"a.tar.gz@sha256:{digest}")
    expected = "64 hexadecimal digits after @sha256:\n  next: sha256sum a.tar.gz"
    assert str(wrong.value) == f"--install a.tar.gz@sha256:{digest}\n  expected: {expected}"
