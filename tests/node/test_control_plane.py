"""A control plane's own pods end last and in order, there and back; etcd is asked, waited for, and never killed."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.node.scratch import KINDS, SHELLS, Scratch

# as kubeadm's manifests are, in the order of their names: the kubelet starts them in any
PLANE = {"etcd": 2, "kube-apiserver": 5, "kube-controller-manager": 5, "kube-scheduler": 5}
# 0100007F:094B: 127.0.0.1:2379, which listens
LISTENS = "   7: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4026 1 0000 100 0 0 10 0\n"
PORTS_HELD = "containers of the control plane have ended, and something still listens on their ports: 2379; look with: ss -lntp"


@pytest.fixture
def etcd() -> Generator[subprocess.Popen[bytes]]:
    """A process in the place of etcd's, where a runtime has no other way to signal it."""
    # its own child is waited for by somebody, or its process would never be gone
    with subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; trap '' TERM; wait"], stdout=subprocess.PIPE) as parent:
        yield parent
        parent.kill()


def plane(root: Path, shell: str, kind: str) -> tuple[Scratch, dict[str, object]]:
    """A prepared node whose kubelet runs a control plane besides its pods, and its state before."""
    node = Scratch(root, SHELLS[shell], target=kind)
    pods = node.read("/.state/pods").decode() + "".join(f"pod-{name} {grace} {name}\n" for name, grace in PLANE.items())
    node.write("/.state/pods", pods.encode())
    for verb in ("stop", "start"):
        node.tool("systemctl", verb, "kubelet.service")
    before = node.state()
    ended = node.verb("forward", "prepare")
    assert (ended.code, ended.err) == (0, ""), ended.out
    return node, {**before, "current": False}


def told(node: Scratch) -> list[str]:
    """How each container was asked to end, in order; then it is forgotten."""
    place = node.root / ".state/told"
    lines = place.read_text().splitlines()
    place.unlink()
    return [line for line in lines if not line.endswith(" POD")]


def process_of(etcd: subprocess.Popen[bytes]) -> bytes:
    assert etcd.stdout is not None
    return etcd.stdout.readline()


@pytest.mark.parametrize(("kind", "shell"), [("containerd", "dash"), ("containerd", "busybox"), ("crio", "dash"), ("crio", "busybox")])
def test_apiserver_first_and_etcd_last_in_both_directions(tmp_path: Path, kind: str, shell: str, etcd: subprocess.Popen[bytes]) -> None:
    node, before = plane(tmp_path / "root", shell, kind)
    node.write("/.state/process", process_of(etcd))
    there = node.verb("forward", "switch")
    assert (there.code, there.err) == (0, ""), there.out
    order = ["stop kube-apiserver", "stop kube-controller-manager", "stop kube-scheduler", "TERM etcd"]
    lines = told(node)
    assert lines[-4:] == order
    assert {line for line in lines[:-4] if "main" in line} == {"stop main"}
    assert node.state()["running"] == {
        "docker": [],
        "k8s": sorted([*(f"pod-{name}" for name in PLANE), "pod-portal", "pod-proxy", "pod-tuner"]),
    }
    back = node.verb("rollback")
    assert (back.code, back.err) == (0, ""), back.out
    lines = told(node)
    # without crictl containerd's tasks are signalled
    assert [line.split()[1] for line in lines] == ["main"] * 3 + [line.split()[1] for line in order]
    assert lines[-1] == "TERM etcd"
    assert node.state() == before


def test_an_etcd_that_does_not_end_in_docker_is_not_killed_and_the_node_rolls_back(tmp_path: Path) -> None:
    node, before = plane(tmp_path / "root", "dash", "containerd")
    node.write("/.state/stubborn", b"etcd\n")
    ended = node.verb("forward", "switch")
    assert ended.code == 5
    container = next(path.name for path in (node.root / ".state/docker").iterdir() if "name=etcd" in path.read_text())
    reason = f"etcd has not ended 2 s after SIGTERM, and it is not killed (container {container}); look at its log; when it has ended: "
    assert f"pods-stop failed: {reason}sh {node.run}/restore.sh" in ended.out
    assert [line for line in told(node) if line.endswith("etcd")] == ["TERM etcd"]
    assert "running=yes" in (node.root / ".state/docker" / container).read_text()
    assert {key: node.state()[key] for key in ("units", "running", "marker")} == {
        key: before[key] for key in ("units", "running", "marker")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_an_etcd_that_does_not_end_on_the_new_runtime_needs_attention(tmp_path: Path, kind: str, etcd: subprocess.Popen[bytes]) -> None:
    node, before = plane(tmp_path / "root", "dash", kind)
    there = node.verb("forward", "switch")
    assert (there.code, there.err) == (0, ""), there.out
    told(node)
    node.write("/.state/process", f"{etcd.pid}\n".encode())  # it ignores SIGTERM
    node.write("/.state/stubborn", b"etcd\n")
    back = node.verb("rollback")
    assert back.code == 6
    assert "pods-remove: etcd has not ended 2 s after SIGTERM, and it is not killed (container c0" in back.out
    running = node.state()["running"]
    assert isinstance(running, dict)
    assert "pod-etcd" in running["k8s"]
    assert "kubelet.service" not in {*node.state()["units"]}  # type: ignore[misc]
    # when it has ended the same goes on
    node.write("/.state/stubborn", b"")
    node.write("/.state/process", process_of(etcd))
    again = node.verb("rollback")
    assert (again.code, again.err) == (0, ""), again.out
    assert node.state() == before


@pytest.mark.parametrize("file", ["tcp", "tcp6"])
def test_a_port_that_is_still_listened_on_stops_the_switch(tmp_path: Path, file: str) -> None:
    node, _ = plane(tmp_path / "root", "dash", "containerd")
    text = "  sl  local_address rem_address   st\n" + (
        LISTENS if file == "tcp" else LISTENS.replace("00000000:0000 0A", f"{'0' * 32}:0000 0A")
    )
    node.write(f"/proc/net/{file}", text.encode())
    ended = node.verb("forward", "switch")
    assert (ended.code, PORTS_HELD in ended.out) == (5, True), ended.out


def test_on_a_node_without_etcd_its_ports_are_anybody_s(tmp_path: Path) -> None:
    node = Scratch(tmp_path / "root")
    node.write("/proc/net/tcp", LISTENS.encode())
    for segment in ("prepare", "switch"):
        ended = node.verb("forward", segment)
        assert (ended.code, ended.err) == (0, ""), ended.out


def test_a_pod_of_a_user_whose_container_is_called_etcd_ends_as_every_other(tmp_path: Path) -> None:
    node = Scratch(tmp_path / "root")
    node.write("/.state/pods", b"pod-etcd 2 etcd\n")
    for verb in ("stop", "start"):
        node.tool("systemctl", verb, "kubelet.service")
    for path in (node.root / ".state/docker").iterdir():
        node.write(f"/.state/label-space/{path.name}", b"shop")
    node.write("/.state/stubborn", b"etcd\n")
    for segment in ("prepare", "switch"):
        ended = node.verb("forward", segment)
        assert (ended.code, ended.err) == (0, ""), ended.out
    assert "stop etcd" in told(node)
