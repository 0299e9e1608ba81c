"""A worker as it is at one moment, from the node itself and from the API: what a move there and back has to leave as it found it."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.lab.fixtures import Lab

# what a kubelet writes by itself as it runs, and the pods' own folders
OF_THE_KUBELET = ("cpu_manager_state", "memory_manager_state", "pods", "plugins", "plugins_registry", "pod-resources", "device-plugins")
SETTLES = 10.0  # seconds that an address may still be held while its pod ends

LISTING = f"""
    find /etc /lib/systemd/ /usr/local/lib /root /var/lib/kubelet -xdev \\
        \\( {" -o ".join(f"-path /var/lib/kubelet/{name}" for name in OF_THE_KUBELET)} \\) -prune -o \\
        -type f -printf 'F %p %m %u:%g\\n' -o -printf '%y %p %m %u:%g %l\\n' | sort |
    while read -r kind path rest; do
        if [ "$kind" = F ]; then echo "$path $rest $(sha256sum <"$path")"; else echo "$path $kind $rest"; fi
    done
"""
UNITS = """
    systemctl list-unit-files --no-legend --no-pager
    for unit in kubelet.service docker.socket docker.service cri-docker.socket cri-docker.service containerd.service crio.service; do
        systemctl show -p Id,ActiveState,SubState --value $unit | tr '\\n' ' '; echo
    done
"""
ADDRESSES = r"""
    for file in /var/lib/cni/networks/*/*.*; do
        case ${file##*/} in last_reserved*) ;; *) echo "lease ${file##*/} $(head -n 1 "$file" | tr -d '\r')" ;; esac
    done
    for file in /var/lib/cni/cache/results/* /var/lib/cni/results/*; do [ ! -e "$file" ] || echo "cached - ${file##*/}"; done
    iptables-save -t nat | sed -n 's/.* id: \\"\([0-9a-f]*\)\\".*/rule - \1/p; s/^:\(CNI-[^ ]*\).*/chain \1 -/p'
    iptables-save -t nat | sed -n 's/.*-j \(CNI-[^ ]*\).*/jump \1 -/p'
"""
CRICTL = "crictl -r unix:///var/run/crio/crio.sock"
RUNS = {  # runtime -> what lists its containers and sandboxes that run, as `ID NAME`
    "docker": "docker ps --no-trunc --format '{{.ID}} {{.Names}}'",
    "containerd": "ctr -n k8s.io tasks ls | sed -n 's/^\\([0-9a-f]*\\) .*RUNNING.*/\\1 k8s_/p'",
    "cri-o": f"{{ {CRICTL} ps -q --no-trunc; {CRICTL} pods -q --no-trunc --state ready; }} | sed 's/$/ k8s_/'",
}


@dataclass(frozen=True, slots=True)
class Look:
    """One worker at one moment.

    `files` are lines `PATH MODE OWNER SHA-256`, `units` what systemd says, `node` what the API keeps of the Node object as JSON, `runtime`
    its runtime's name; `reported` the container IDs that the API tells of, `running` those that run; `leaked` addresses and rules that
    nobody uses; `portal` who answers on the hostPort and who should; `standalone` the containers of no kubelet, as `ID NAME`.
    """

    files: tuple[str, ...]
    units: str
    node: str
    runtime: str
    reported: frozenset[str]
    running: frozenset[str]
    leaked: tuple[str, ...]
    portal: tuple[str, str]
    standalone: tuple[str, ...]


def on(lab: Lab, node: str, script: str) -> str:
    """What a shell script prints on the node."""
    return lab.inside(node, "sh", "-c", script)


def look(lab: Lab, node: str) -> Look:
    """See a worker as it is; what is in flight gets a few seconds to end."""
    said = json.loads(lab.kubectl("get", "node", node, "-o", "json"))
    runtime = said["status"]["nodeInfo"]["containerRuntimeVersion"].partition("://")[0]
    listed = on(lab, node, RUNS[runtime]).splitlines()
    deadline = time.monotonic() + SETTLES
    while (lost := leaked(lab, node, runtime)) and time.monotonic() < deadline:
        time.sleep(1)
    here = pods_of(lab, node)
    with urllib.request.urlopen(f"http://{lab.node(node).ip}:9080/hostname", timeout=5) as answer:
        answered = answer.read().decode()
    kept = {name: said["metadata"][name] for name in ("annotations", "labels")}
    kept |= {name: said["spec"].get(name) for name in ("taints", "unschedulable")}
    return Look(
        files=tuple(on(lab, node, LISTING).splitlines()),
        units=on(lab, node, UNITS),
        node=json.dumps(kept, indent=1, sort_keys=True),
        runtime=runtime,
        reported=frozenset(one["containerID"] for pod in here for one in pod["status"]["containerStatuses"] if "containerID" in one),
        running=frozenset(f"{runtime}://{line.split()[0]}" for line in listed),
        leaked=lost,
        portal=(answered, next(pod["metadata"]["name"] for pod in here if pod["metadata"]["labels"].get("app") == "portal")),
        standalone=tuple(sorted(line for line in listed if " k8s_" not in line)),
    )


def pods_of(lab: Lab, node: str) -> list[dict[str, Any]]:
    """The node's pods that run and are not about to end."""
    found = json.loads(lab.kubectl("get", "pods", "-A", f"--field-selector=spec.nodeName={node}", "-o", "json"))["items"]
    return [pod for pod in found if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]]


def leaked(lab: Lab, node: str, runtime: str) -> tuple[str, ...]:
    """Leases, cached results and nat rules of sandboxes that do not run, chains that nothing leads to, pods' addresses without a lease."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in on(lab, node, ADDRESSES).splitlines():
        kind, name, identity = line.split()
        found.setdefault(kind, []).append((name, identity))
    alive = [line.split()[0] for line in on(lab, node, RUNS[runtime]).splitlines()]
    lost = [f"{kind} {name} {identity}" for kind in ("lease", "rule") for name, identity in found.get(kind, []) if identity not in alive]
    lost += [f"cached {name}" for _, name in found.get("cached", []) if not any(f"-{one}-" in name for one in alive)]
    jumped = {name for name, _ in found.get("jump", [])}
    lost += [f"chain {name}" for name, _ in found.get("chain", []) if name not in jumped]
    leases = {name for name, _ in found.get("lease", [])}
    for pod in pods_of(lab, node):
        if not pod["spec"].get("hostNetwork") and pod["status"].get("podIP") not in leases:
            lost.append(f"{pod['metadata']['name']} has {pod['status'].get('podIP')} without a lease")
    if not found.get("rule"):
        lost.append("no nat rule of any sandbox was found, and the hostPort has one: the reading is wrong")
    return tuple(lost)
