"""Every file of a plan, accepted by the program that will read it: containerd, systemd, a kubelet of the node's own version."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from migrate.run.session import Access, look
from migrate.run.ssh.config import SshFlags
from migrate.sources.table import origin_of
from migrate.targets.compose import FileChange, compose
from migrate.targets.containerd import CONTAINERD
from tests.e2e.tool import Tool
from tests.lab.fixtures import Lab

pytestmark = pytest.mark.lab

SCRATCH = "/run/d2c-plan-files"
WORKERS = ("lab-w1", "lab-w2")


@pytest.fixture(scope="module")
def planned(lab: Lab) -> dict[str, dict[str, FileChange]]:
    """Worker -> path -> change, with the bytes that a plan only hashes."""
    seen = look(Access(kubeconfig=str(lab.kubeconfig), ssh=SshFlags(config_file=str(lab.ssh_config))), WORKERS, lambda text: None)
    found = {}
    for machine in seen.machines:
        assert machine.facts is not None
        changes, refused = compose(CONTAINERD, machine.facts, origin_of(machine.facts))
        assert refused == ()
        found[machine.host] = {change.path: change for change in changes}
    return found


def lay(lab: Lab, node: str, changes: dict[str, FileChange]) -> None:
    """Put the planned files below SCRATCH on the node, beside the unit files that are there now."""
    lines = [f"rm -rf {SCRATCH}; mkdir -p {SCRATCH}/units; cp -r /etc/systemd/system/. {SCRATCH}/units/"]
    for path, change in changes.items():
        target = f"{SCRATCH}/units{path.removeprefix('/etc/systemd/system')}" if path.startswith("/etc/systemd/system/") else SCRATCH + path
        data = base64.b64encode(change.after).decode()
        lines.append(f"mkdir -p {Path(target).parent}; echo {data} | base64 -d > {target}")
    lab.inside(node, "sh", "-ec", "\n".join(lines))


@pytest.mark.parametrize("node", WORKERS)
def test_containerd_loads_its_file_as_planned(lab: Lab, planned: dict[str, dict[str, FileChange]], node: str) -> None:
    import tomllib

    lay(lab, node, planned[node])
    dump = tomllib.loads(lab.inside(node, "containerd", "--config", f"{SCRATCH}/etc/containerd/config.toml", "config", "dump"))
    cri = dump["plugins"]["io.containerd.grpc.v1.cri"]
    runc = cri["containerd"]["runtimes"]["runc"]
    assert dump["disabled_plugins"] == []
    assert (runc["runtime_type"], runc["options"]["SystemdCgroup"]) == ("io.containerd.runc.v2", False)
    assert cri["sandbox_image"] == "k8s.gcr.io/pause:3.6"
    assert cri["registry"]["config_path"] == "/etc/containerd/certs.d"
    assert (cri["enable_unprivileged_ports"], cri["enable_unprivileged_icmp"]) == (True, True)
    assert cri["cni"]["bin_dir"] == "/opt/cni/bin"


@pytest.mark.parametrize("node", WORKERS)
def test_systemd_verifies_the_units(lab: Lab, planned: dict[str, dict[str, FileChange]], node: str) -> None:
    lay(lab, node, planned[node])
    said = lab.inside(
        node,
        "sh",
        "-c",
        f"SYSTEMD_UNIT_PATH={SCRATCH}/units: systemd-analyze verify --recursive-errors=no containerd.service kubelet.service 2>&1",
    )
    assert said.strip() == ""


@pytest.mark.parametrize("node", WORKERS)
def test_a_kubelet_starts_with_the_flags_on_a_containerd_with_the_file(
    lab: Lab, planned: dict[str, dict[str, FileChange]], node: str
) -> None:
    """Both in a scratch root beside the live ones: other sockets, other ports, no API server."""
    lay(lab, node, planned[node])
    script = f"""
        set -e
        cd {SCRATCH}
        sed -e 's#^version = 2#version = 2\\nroot = "{SCRATCH}/root"\\nstate = "{SCRATCH}/state"#' \\
            -e 's#"/etc/containerd/docker2cri-base#"{SCRATCH}/etc/containerd/docker2cri-base#' etc/containerd/config.toml > config.toml
        printf '[grpc]\\naddress = "{SCRATCH}/containerd.sock"\\n' >> config.toml
        sed -e 's/^\\(healthzPort\\|port\\|readOnlyPort\\): .*//' -e '/^authentication:/,/^cgroupDriver/{{/^cgroupDriver/!d}}' \\
            var/lib/kubelet/config.yaml > config.yaml
        printf 'port: 20250\\nhealthzPort: 0\\nenforceNodeAllocatable: []\\ncgroupsPerQOS: false\\n' >> config.yaml
        echo 'authentication: {{webhook: {{enabled: false}}, anonymous: {{enabled: true}}}}' >> config.yaml
        echo 'authorization: {{mode: AlwaysAllow}}' >> config.yaml
        sed -i '/^staticPodPath/d' config.yaml
        . ./var/lib/kubelet/kubeadm-flags.env
        containerd --config config.toml > containerd.log 2>&1 & containerd=$!
        flags=$(echo "$KUBELET_KUBEADM_ARGS" | sed 's#unix:///run/containerd/containerd.sock#unix://{SCRATCH}/containerd.sock#')
        sleep 2
        timeout -s TERM 20 kubelet --config=config.yaml --root-dir={SCRATCH}/kubelet --cert-dir={SCRATCH}/pki $flags \\
            > kubelet.log 2>&1 & kubelet=$!
        for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
            grep -q 'Container runtime initialized' kubelet.log && grep -q 'Started kubelet' kubelet.log && break
            kill -0 $kubelet 2>/dev/null || break
            sleep 1
        done
        kill $kubelet $containerd 2>/dev/null || :
        wait $kubelet $containerd 2>/dev/null || :
        grep -E 'Container runtime initialized|Started kubelet|unknown flag|F[0-9]{{4}} ' kubelet.log || tail -n 30 kubelet.log
        rm -rf {SCRATCH}
    """
    said = lab.inside(node, "sh", "-c", script)
    assert 'containerRuntime="containerd"' in said
    assert '"Started kubelet"' in said
    assert "unknown flag" not in said


def test_a_file_edited_after_planning_is_refused_with_its_diff(lab: Lab, tmp_path: Path) -> None:
    tool = Tool(lab)
    plan = tmp_path / "plan.json"
    assert tool("plan", "lab-w1", "--to", "containerd", *tool.reach(), "--out", str(plan)).code == 0
    fresh = tool("plan", "--check", str(plan), *tool.reach())
    assert (fresh.code, fresh.err) == (0, "")
    assert fresh.out.startswith("lab-w1: the plan holds, ")
    lab.inside("lab-w1", "sh", "-c", "echo '# by hand' >> /etc/containerd/config.toml")
    try:
        stale = tool("plan", "--check", str(plan), *tool.reach())
        assert stale.code == 7
        assert "+# by hand" in stale.out.splitlines()
        assert stale.err.splitlines() == [
            f"{plan} no longer holds for lab-w1",
            "  expected: nodes as they were planned",
            f"  next: docker2cri plan --to containerd lab-w1 --out {plan}",
        ]
    finally:
        lab.inside("lab-w1", "sed", "-i", "/^# by hand$/d", "/etc/containerd/config.toml")
    assert tool("plan", "--check", str(plan), *tool.reach()).code == 0


def test_help_is_quick_to_come() -> None:
    """No time is asserted here (benchmarks/ measures it): what makes it slow is what it imports."""
    code = "import sys, migrate.cli; print([m for m in ('paramiko', 'kubernetes', 'docker', 'rich', 'msgspec') if m in sys.modules])"
    import sys

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
