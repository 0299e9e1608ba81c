"""known_hosts as OpenSSH reads it: a table of its rules, and the same table put to the real ssh."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from migrate.errors import HostKeyRefused
from migrate.run.ssh.connect import Connector
from migrate.run.ssh.known_hosts import Standing, fingerprint, judge, key_types, line_for, load, lookup_name, matches, parse, remember

from .conftest import Sshd

MINE, OTHER = b"\0\0\0\x0bssh-ed25519mine", b"\0\0\0\x0bssh-ed25519other"
GOOD, BAD = (f"ssh-ed25519 {base64.b64encode(blob).decode()}" for blob in (MINE, OTHER))
RSA = "ssh-rsa " + base64.b64encode(b"\0\0\0\x07ssh-rsa").decode()


def hashed(name: str, key: str) -> str:
    kind, blob = key.split()
    return line_for(name, kind, base64.b64decode(blob), hashed=True).strip()


# lines with {good} {bad} {port} -> what they say of the host 127.0.0.1, its key `good`
TABLE = [
    ("empty", [], Standing.UNKNOWN),
    ("exact", ["[127.0.0.1]:{port} {good}"], Standing.KNOWN),
    ("comma list", ["somewhere,[127.0.0.1]:{port} {good}"], Standing.KNOWN),
    ("wildcard", ["[127.0.*]:* {good}"], Standing.KNOWN),
    ("question mark", ["[127.0.0.?]:{port} {good}"], Standing.KNOWN),
    ("star", ["* {good}"], Standing.KNOWN),
    ("negated", ["*,!{name},!127.0.0.1 {good}"], Standing.UNKNOWN),
    ("negated with the port only, right under the bare name", ["*,![127.0.0.1]:{port} {good}", "nobody {bad}"], Standing.KNOWN),
    ("bare name on another port", ["127.0.0.1 {good}"], Standing.KNOWN),
    ("bare name with another key", ["127.0.0.1 {bad}"], Standing.UNKNOWN),
    ("another port", ["[127.0.0.1]:1 {good}"], Standing.UNKNOWN),
    ("changed", ["[127.0.0.1]:{port} {bad}"], Standing.CHANGED),
    ("two keys of one type", ["[127.0.0.1]:{port} {bad}", "[127.0.0.1]:{port} {good}"], Standing.KNOWN),
    ("another type only", ["[127.0.0.1]:{port} {rsa}"], Standing.CHANGED),
    ("changed here, right under the bare name", ["[127.0.0.1]:{port} {bad}", "127.0.0.1 {good}"], Standing.CHANGED),
    ("revoked", ["[127.0.0.1]:{port} {good}", "@revoked * {good}"], Standing.REVOKED),
    ("another key revoked", ["[127.0.0.1]:{port} {good}", "@revoked * {bad}"], Standing.KNOWN),
    ("certificate authority beside the key", ["@cert-authority * {bad}", "[127.0.0.1]:{port} {good}"], Standing.KNOWN),
    ("certificate authority alone", ["@cert-authority * {bad}"], Standing.NEEDS_CA),
    ("comment and rubbish", ["# note", "", "[127.0.0.1]:{port}", "@odd * {bad}", "* ssh-ed25519 %%%", "* {good} c"], Standing.KNOWN),
    ("letters beyond ASCII in a key", ["* ssh-ed25519 ﬀäÄ²", "[127.0.0.1]:{port} {good}"], Standing.KNOWN),
    ("many stars", ["*" + "1*" * 60 + "x {bad}", "[127.0.0.1]:{port} {good}"], Standing.KNOWN),
    ("upper case", ["*.EXAMPLE,[127.0.0.1]:{port} {good}"], Standing.KNOWN),
    ("tabs", ["[127.0.0.1]:{port}\t{good}"], Standing.KNOWN),
]


def fill(lines: list[str], port: int, good: str, bad: str, rsa: str) -> str:
    return "".join(line.format(port=port, good=good, bad=bad, rsa=rsa, name=lookup_name("127.0.0.1", port)) + "\n" for line in lines)


@pytest.mark.parametrize(("lines", "standing"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table(lines: list[str], standing: Standing) -> None:
    assert judge(parse(fill(lines, 2222, GOOD, BAD, RSA), "kh"), "127.0.0.1", 2222, MINE).standing is standing


@pytest.mark.parametrize(
    ("line", "standing"),
    [
        ("127.0.0.1 {good}", Standing.KNOWN),
        ("127.0.0.1 {bad}", Standing.CHANGED),
        ("[127.0.0.1]:22 {good}", Standing.UNKNOWN),
        ("127.0.0.* {good}", Standing.KNOWN),
        ("*,!127.0.0.1 {good}", Standing.UNKNOWN),
    ],
)
def test_port_22(line: str, standing: Standing) -> None:
    assert judge(parse(fill([line], 22, GOOD, BAD, RSA), "kh"), "127.0.0.1", 22, MINE).standing is standing


@pytest.mark.ssh
@pytest.mark.parametrize(("lines", "standing"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table_is_what_ssh_says(sshd: Sshd, lines: list[str], standing: Standing) -> None:
    other, rsa = (" ".join((sshd.keys / f"{name}.pub").read_text().split()[:2]) for name in ("host_other", "host_rsa"))
    sshd.trust(fill(lines, sshd.port, sshd.host_key(), other, rsa))
    options = [word for key, value in sshd.target().ssh_options for word in ("-o", f"{key}={value}")]
    done = subprocess.run(
        ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", *options, "127.0.0.1", "true"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode == 0) is (standing is Standing.KNOWN), done.stderr
    assert ("REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr) is (standing is Standing.CHANGED), done.stderr
    assert ("revoked" in done.stderr.lower()) is (standing is Standing.REVOKED), done.stderr
    if standing is Standing.KNOWN:
        Connector().open(sshd.target()).close()
    else:
        with pytest.raises(HostKeyRefused):
            Connector().open(sshd.target())


def test_hashed_names() -> None:
    known = parse(f"{hashed('[10.0.0.1]:2222', GOOD)}\n{hashed('10.0.0.2', GOOD)}\n|1|broken|line ssh-ed25519 AAAA\n", "kh")
    assert judge(known, "10.0.0.1", 2222, MINE).standing is Standing.KNOWN
    assert judge(known, "10.0.0.1", 22, MINE).standing is Standing.UNKNOWN
    assert judge(known, "10.0.0.2", 2222, MINE).standing is Standing.KNOWN


def test_hashes_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("no ssh-keygen here: install openssh-client")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    kind, text = (tmp_path / "key.pub").read_text().split()[:2]
    (tmp_path / "kh").write_text(f"[10.0.0.1]:2222,node01 {kind} {text}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", tmp_path / "kh"], check=True, capture_output=True)
    known = load([str(tmp_path / "kh"), str(tmp_path / "absent")])
    blob = base64.b64decode(text)
    assert judge(known, "10.0.0.1", 2222, blob).standing is Standing.KNOWN
    assert judge(known, "node01", 22, blob).standing is Standing.KNOWN
    remember(str(tmp_path / "kh"), line_for("node02", kind, blob, hashed=True))
    found = subprocess.run(["ssh-keygen", "-F", "node02", "-l", "-f", tmp_path / "kh"], capture_output=True, text=True, check=True)
    assert fingerprint(blob) in found.stdout


def test_an_alias_is_used_alone() -> None:
    known = parse(f"cluster-nodes {GOOD}\n[10.0.0.1]:2222 {BAD}\n", "kh")
    assert judge(known, "10.0.0.1", 2222, MINE, alias="cluster-nodes").standing is Standing.KNOWN
    assert judge(known, "10.0.0.1", 2222, OTHER, alias="elsewhere").standing is Standing.UNKNOWN


def test_the_deciding_line_is_named() -> None:
    verdict = judge(parse(f"# one\n10.0.0.1 {BAD}\n", "/k"), "10.0.0.1", 22, MINE)
    assert verdict.entry is not None
    assert verdict.entry.where == "/k:2"


def test_key_types_on_file() -> None:
    known = parse(f"[h]:2222 {RSA}\nh {GOOD}\n@revoked h {BAD}\nother {GOOD}\n", "kh")
    assert key_types(known, "H", 2222) == ("ssh-rsa", "ssh-ed25519")
    assert key_types(known, "h", 22) == ("ssh-ed25519",)
    assert key_types(known, "h", 22, alias="nobody") == ()


@pytest.mark.parametrize(("patterns", "name", "hit"), [("[a]:1", "a", False), ("a*b", "axxb", True), ("!a", "a", False), ("A", "a", True)])
def test_matches(patterns: str, name: str, hit: bool) -> None:
    assert matches(patterns, name) is hit


def test_remember_mends_an_open_last_line(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kh"
    remember(str(path), "a\n")
    assert (path.read_text(), oct(path.stat().st_mode & 0o777)) == ("a\n", "0o600")
    path.write_text("open")
    remember(str(path), "b\n")
    assert path.read_text() == "open\nb\n"


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        load([str(tmp_path)])
