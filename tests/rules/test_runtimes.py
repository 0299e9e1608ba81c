"""Cases of D2C135 and D2C140 to D2C145: other runtimes on the machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migrate.facts.model import Cni, Firewall, Unreadable
from migrate.facts.runtimes import KubernetesUse, Link, Role, Running, Runtime
from migrate.rules import NodeView
from migrate.targets.crio import CRIO
from tests.rules import make
from tests.rules.case import Case


def runtime(name: str, role: Role = Role.ENGINE, version: str = "1.0", **given: Any) -> Runtime:
    """A runtime that runs nothing."""
    return Runtime(name, role, version, **{"evidence": (f"{name} --version",), **given})


def running(name: str, kind: str = "container", state: str = "running", owner: str | None = None) -> Running:
    return Running(name, kind, state, owner)


DOCKER = runtime(
    "docker", version="20.10.24", kubernetes=KubernetesUse.BELOW, runs=(running("by-hand"), running("k8s_web", owner="Kubernetes"))
)
CONTAINERD = runtime("containerd", Role.CRI, "1.6.20", kubernetes=KubernetesUse.BELOW, runs=(running("a1b2", owner="docker"),))
RUNC = runtime("runc", Role.OCI, "1.1.5", kubernetes=KubernetesUse.BELOW, runs=(running("by-hand", owner="docker"),))
PODMAN = runtime("podman", version="4.3.1")


def view(*others: Runtime, **given: Any) -> NodeView:
    """The healthy worker with Docker, containerd, runc and these."""
    return make.view(of=make.facts(runtimes=(DOCKER, CONTAINERD, RUNC, *others), **given))


def with_cri_o(*others: Runtime) -> NodeView:
    seen = view(*others)
    return replace(seen, target=CRIO)


def docker_with(*links: Link, **settings: Any) -> NodeView:
    docker = make.docker(daemon_json=settings)
    return make.view(
        of=make.facts(docker=docker, runtimes=(replace(DOCKER, links=(Link("runc", "runtime runc: runc"), *links)), CONTAINERD))
    )


def network(name: str) -> NodeView:
    cni = Cni("/etc/cni/net.d", ("/opt/cni/bin",), ("/etc/cni/net.d/87-x.conflist", "/etc/cni/net.d/99-y.conf"), {"name": name}, (), ())
    return make.view(of=make.facts(cni=cni))


def bridged(policy: str, *bridges: str) -> NodeView:
    marks = frozenset(f"/sys/class/net/{bridge}" for bridge in bridges)
    return make.view(of=make.facts(marks=marks, firewall=Firewall(policy, 12, ())))


GVISOR = Link("gvisor", "runtime runsc: /usr/bin/runsc", default=False)

CASES = (
    Case("D2C135", "podman", view(PODMAN), (("podman", "version 4.3.1 (podman --version)"),)),
    Case(
        "D2C135",
        "what it keeps",
        view(replace(PODMAN, runs=(running("a", state="stopped"), running("b", state="created")))),
        (("podman", "version 4.3.1 (podman --version); it keeps 2 that do not run"),),
    ),
    Case(
        "D2C135",
        "another that speaks CRI",
        view(runtime("cri-o", Role.CRI, "", kubernetes=KubernetesUse.COULD)),
        (("cri-o", "of unknown version (cri-o --version)"),),
    ),
    Case(
        "D2C135",
        "what it runs could not be read",
        view(runtime("LXD", Role.SYSTEM, runs=Unreadable("runtime entries", "it timed out"))),
        (("LXD", "version 1.0 (LXD --version)"),),
    ),
    Case("D2C135", "tools of those in use", view(runtime("crun", Role.OCI, kubernetes=KubernetesUse.COULD))),
    Case("D2C135", "part of systemd", view(runtime("systemd-nspawn", Role.SYSTEM))),
    Case("D2C135", "one that runs something has its own rule", view(replace(PODMAN, runs=(running("a"),)))),
    Case("D2C135", "the target", with_cri_o(runtime("cri-o", Role.CRI, kubernetes=KubernetesUse.COULD))),
    Case(
        "D2C140",
        "containers and machines",
        view(
            replace(PODMAN, runs=(running("web"), running("db", state="paused"), running("old", state="stopped"))),
            runtime(
                "qemu", Role.MACHINES, "7.2", runs=(running("vm", "virtual machine"), running("dom", "virtual machine", owner="libvirt"))
            ),
        ),
        (
            ("podman", "version 4.3.1: container web (running), container db (paused)"),
            ("qemu", "version 7.2: virtual machine vm (running)"),
        ),
    ),
    Case(
        "D2C140",
        "many",
        view(replace(PODMAN, runs=tuple(running(f"c{number}") for number in range(10)))),
        (("podman", "version 4.3.1: " + ", ".join(f"container c{number} (running)" for number in range(5)) + " and 5 more"),),
    ),
    Case(
        "D2C140",
        "beside the pods, in the runtimes that pods use",
        make.view(
            of=make.facts(
                runtimes=(
                    replace(CONTAINERD, runs=(running("a1b2", owner="docker"), running("nerd", owner="namespace default"))),
                    replace(RUNC, runs=(running("by-hand", owner="docker"), running("alone"))),
                )
            )
        ),
        (("containerd", "version 1.6.20: container nerd (running)"), ("runc", "version 1.1.5: container alone (running)")),
    ),
    Case("D2C140", "Docker's are told by D2C113", view(PODMAN)),
    Case(
        "D2C141",
        "podman where CRI-O goes",
        with_cri_o(PODMAN),
        (("podman", "version 4.3.1; /var/lib/containers/storage is the store of both"),),
    ),
    Case("D2C141", "podman beside containerd", view(PODMAN)),
    Case("D2C141", "CRI-O alone", with_cri_o()),
    Case(
        "D2C142",
        "two bridges",
        bridged("DROP", "lxdbr0", "virbr0", "docker0"),
        (
            ("bridge lxdbr0", "of LXD; the policy of FORWARD is DROP"),
            ("bridge virbr0", "of libvirt; the policy of FORWARD is DROP"),
        ),
    ),
    Case("D2C142", "no policy of Docker", bridged("ACCEPT", "lxdbr0")),
    Case("D2C142", "no other bridge", bridged("DROP", "docker0")),
    Case("D2C142", "the firewall was not read", make.view(of=make.facts(marks=frozenset({"/sys/class/net/lxdbr0"})))),
    Case(
        "D2C143",
        "gVisor as a program, and as Docker's default a type",
        docker_with(
            GVISOR,
            Link("kata", "runtime vm: io.containerd.kata.v2", default=True),
            runtimes={"runsc": {"path": "/usr/bin/runsc"}, "vm": {"runtimeType": "io.containerd.kata.v2"}},
        ),
        (
            ("runtime runsc", "runtime runsc: /usr/bin/runsc; containerd has no handler of type io.containerd.runsc.v1"),
            (
                "runtime vm",
                "runtime vm: io.containerd.kata.v2, and it is Docker's default; containerd has no handler of type io.containerd.kata.v2",
            ),
        ),
    ),
    Case(
        "D2C143",
        "a type of somebody's own",
        docker_with(
            Link("wasmtime", "runtime wasm: io.containerd.wasmtime.v1", False),
            runtimes={"wasm": {"runtimeType": "io.containerd.wasmtime.v1"}},
        ),
        (("runtime wasm", "runtime wasm: io.containerd.wasmtime.v1; containerd has no handler of type io.containerd.wasmtime.v1"),),
    ),
    Case(
        "D2C143",
        "the handler is there",
        make.view(
            of=make.facts(
                runtimes=(
                    replace(DOCKER, links=(GVISOR,)),
                    replace(CONTAINERD, links=(Link("gvisor", "handler gvisor: io.containerd.runsc.v1", default=False),)),
                )
            )
        ),
    ),
    Case(
        "D2C143",
        "nvidia is carried over",
        docker_with(Link("nvidia-container-runtime", "runtime nvidia: /usr/bin/nvidia-container-runtime")),
    ),
    Case(
        "D2C144",
        "rkt",
        view(runtime("rkt", version="1.30.0", notes=("the project has ended: archived in 2020",))),
        (("rkt", "version 1.30.0: the project has ended: archived in 2020"),),
    ),
    Case("D2C144", "another note", view(replace(PODMAN, notes=("3 more are not listed",)))),
    Case(
        "D2C145",
        "podman's",
        network("podman"),
        (("/etc/cni/net.d/87-x.conflist", "network podman of Podman is the first of 2 files"),),
    ),
    Case("D2C145", "the cluster's", network("pods")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()
