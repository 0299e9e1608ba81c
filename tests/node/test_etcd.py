"""The control plane's own parts, asked through the node program: etcd in its container on each runtime, its snapshot, /readyz."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
from pathlib import Path

import pytest

from tests import captured
from tests.node.scratch import SHELLS, Scratch
from tests.node.test_control_plane import etcd, plane, process_of

assert etcd  # the fixture: a process in the place of etcd's
MEMBER = captured.capture_of("ha-cp3", captured.HIGHLY_AVAILABLE)
DATABASE = b"etcd's pages" + bytes(4096 * 3 - 12)
SNAPSHOT = DATABASE + hashlib.sha256(DATABASE).digest()
NO_ETCD = "run-1: no container of etcd runs on this node; look with: ss -lntp; ls /etc/kubernetes/manifests\n"


def furnish(node: Scratch, process: str, data: str = "/var/lib/etcd") -> None:
    """Put what ha-cp3 answered, and its database, where the simulated member has them."""
    for name in ("members", "status", "health", "alarms"):
        node.write(f"/.state/etcd/{name}", MEMBER.commands[f"etcd {name}"].stdout or b"")
    node.write("/.state/etcd/db", SNAPSHOT)
    node.write("/.state/process", f"{process}\n".encode())
    for one in (process, "1"):  # ctr tells 1
        node.write(f"/proc/{one}/cmdline", f"etcd\0--name=ha-cp3\0--data-dir={data}\0".encode())
        node.write(f"/proc/{one}/root{data}/member/snap/db", DATABASE)


def asked(node: Scratch, *words: str) -> object:
    found = node.verb("etcdctl", "--endpoints", "https://127.0.0.1:2379", *words)
    assert (found.code, found.err) == (0, "")
    return json.loads(found.out)


@pytest.mark.parametrize(("kind", "shell"), [("containerd", "dash"), ("containerd", "busybox"), ("crio", "dash"), ("crio", "busybox")])
def test_etcd_answers_in_its_container_before_and_after(tmp_path: Path, kind: str, shell: str, etcd: subprocess.Popen[bytes]) -> None:
    node, _ = plane(tmp_path / "root", shell, kind)
    furnish(node, process_of(etcd).decode().strip())
    members = json.loads(MEMBER.commands["etcd members"].stdout or b"")
    assert asked(node, "member", "list") == members
    there = node.verb("forward", "switch")
    assert (there.code, there.err) == (0, ""), there.out
    assert asked(node, "member", "list") == members
    assert asked(node, "alarm", "list") == {}


def test_a_member_that_does_not_answer_makes_it_end_with_1_and_the_others_are_told(tmp_path: Path) -> None:
    node, _ = plane(tmp_path / "root", "dash", "containerd")
    furnish(node, "4242")
    node.write("/.state/etcd/silent", b"endpoint\n")
    found = node.verb("etcdctl", "endpoint", "status", "--cluster")
    assert (found.code, len(json.loads(found.out))) == (1, 3)


@pytest.mark.parametrize("kind", ["containerd", "crio"])
def test_a_node_whose_etcd_does_not_run_says_so(tmp_path: Path, kind: str) -> None:
    node = Scratch(tmp_path / "root", target=kind)
    for unit in ("docker.service", "containerd.service"):
        found = node.verb("etcdctl", "member", "list")
        assert (found.code, found.out, found.err) == (3, "", NO_ETCD)
        node.tool("systemctl", "stop", unit)
    assert node.verb("etcd-snapshot").code == 1


@pytest.mark.parametrize("data", ["/var/lib/etcd", "/srv/etcd"])
@pytest.mark.parametrize("shell", SHELLS)
def test_the_snapshot_lies_in_the_run_s_folder_and_nowhere_else(tmp_path: Path, shell: str, data: str) -> None:
    node, _ = plane(tmp_path / "root", shell, "containerd")
    furnish(node, "4242", data)
    node.write(f"/proc/4242/root{data}/docker2cri-run-1.db.part", b"of one that was cut off")
    found = node.verb("etcd-snapshot")
    assert (found.code, found.err) == (0, "")
    assert found.out == f"sha256={hashlib.sha256(SNAPSHOT).hexdigest()}\nsize={len(SNAPSHOT)}\n"
    kept = node.run / "etcd.db"
    assert (kept.read_bytes(), stat.filemode(kept.stat().st_mode)) == (SNAPSHOT, "-rw-------")
    assert [path.name for path in (node.root / f"proc/4242/root{data}").iterdir()] == ["member"]


def test_without_room_no_snapshot_is_taken(tmp_path: Path) -> None:
    node, _ = plane(tmp_path / "root", "dash", "containerd")
    furnish(node, "4242")
    tool = node.root / ".tools/df"
    tool.write_text("#!/bin/sh\necho Filesystem 1024-blocks Used Available Capacity Mounted on\necho /dev/sda1 200000 140000 60000 70% /\n")
    tool.chmod(0o755)
    found = node.verb("etcd-snapshot")
    there = f"{node.root}/proc/4242/root/var/lib/etcd"
    reason = f"a snapshot of etcd takes 13 kB and has to leave 65536 kB in {there}, where 60000 kB are free"
    assert (found.code, found.out) == (1, f"run-1: {reason}; make room there: df -h {there}\n")
    assert not (node.run / "etcd.db").exists()


def test_an_etcd_that_saves_no_snapshot_leaves_nothing(tmp_path: Path) -> None:
    node, _ = plane(tmp_path / "root", "dash", "containerd")
    furnish(node, "4242")
    (node.root / ".state/etcd/db").unlink()
    found = node.verb("etcd-snapshot")
    assert found.code == 1
    assert found.out.startswith("run-1: etcd saves no snapshot: ")
    assert [path.name for path in (node.root / "proc/4242/root/var/lib/etcd").iterdir()] == ["member"]


def test_the_files_of_a_member_come_as_an_archive(tmp_path: Path) -> None:
    node = Scratch(tmp_path / "root")
    for path in ("pki/ca.crt", "pki/etcd/ca.key", "manifests/etcd.yaml", "admin.conf"):
        node.write(f"/etc/kubernetes/{path}", path.encode())
    command = f"{node.shell[0]} {node.run}/program.sh kubernetes-files | tar -tf - | grep -v /$ | sort"
    listed = subprocess.run(["sh", "-c", command], env=node.environment(), capture_output=True, text=True, check=True)
    assert listed.stdout.split() == ["manifests/etcd.yaml", "pki/ca.crt", "pki/etcd/ca.key"]


CURL = """#!/bin/sh
# it answers 200 at the load balancer, and nothing does at the node's own address
case $* in *//10.0.0.9:6443/readyz) printf 200 ;; *) printf 000; exit 7 ;; esac
"""


NO_PARTS = "".join(f"{part}=none\n" for part in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"))


def test_the_own_apiserver_and_the_endpoint_are_asked(tmp_path: Path) -> None:
    node = Scratch(tmp_path / "root")
    node.write("/etc/kubernetes/kubelet.conf", b"clusters:\n- cluster:\n    server: https://10.0.0.9:6443\n")
    for name, text in (("curl", CURL), ("pgrep", "#!/bin/sh\necho 77\n")):
        (node.root / ".tools" / name).write_text(text)
        (node.root / ".tools" / name).chmod(0o755)
    node.write("/proc/77/cmdline", b"kube-apiserver\0--advertise-address=fd00::1\0--secure-port=6444\0")
    found = node.verb("readyz")
    assert (found.code, found.err) == (0, "")
    assert found.out == f"{NO_PARTS}own=000 https://[fd00::1]:6444\nendpoint=200 https://10.0.0.9:6443\n"


OPENSSL = """#!/bin/sh
# it answers 500 to one that asks at the own address
read -r line
case "$line $*" in "GET /readyz HTTP/1.0"*"-connect 10.0.0.7:6443"*) printf 'HTTP/1.0 500 Internal Server Error\\r\\n\\r\\nx\\n' ;; esac
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_without_curl_openssl_asks(tmp_path: Path, shell: str) -> None:
    node = Scratch(tmp_path / "root", SHELLS[shell])
    node.write("/etc/kubernetes/kubelet.conf", b"    server: https://10.0.0.9\n")
    for name, text in (("openssl", OPENSSL), ("pgrep", "#!/bin/sh\necho 77\n")):
        (node.root / ".tools" / name).write_text(text)
        (node.root / ".tools" / name).chmod(0o755)
    node.write("/proc/77/cmdline", b"kube-apiserver\0--advertise-address=10.0.0.7\0--secure-port=6443\0")
    asked = node.run / "program.sh"
    asked.write_text(asked.read_text().replace("if has curl;", "if has no-curl;").replace("elif has kubectl;", "elif has no-kubectl;"))
    found = node.verb("readyz")
    assert (found.code, found.err) == (0, "")
    assert found.out == f"{NO_PARTS}own=500 https://10.0.0.7:6443\nendpoint=000 https://10.0.0.9\n"
    asked.write_text(asked.read_text().replace("elif has openssl;", "elif has no-openssl;"))
    assert node.verb("readyz").out == f"{NO_PARTS}own=unknown https://10.0.0.7:6443\nendpoint=unknown https://10.0.0.9\n"
