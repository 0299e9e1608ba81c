"""What a node lacks, what a package manager's or a tarball's answer allows, and the plan that installs it."""

from __future__ import annotations

import dataclasses

import pytest

from migrate.facts.match import Matched, machine, match
from migrate.facts.model import NodeFacts, Package
from migrate.facts.transaction import Change, Transaction
from migrate.plan.install import Lacking, NotInstallable, by_bundle, by_packages, install_plan, lacking, without
from migrate.plan.model import RECORD, NodePlan, alone, dump_plan, load_plan
from migrate.plan.steps import BundleSource, InstallRuntime, describe
from migrate.program.order import host_lines, rollback_of
from migrate.program.render import render
from migrate.report.plan_text import plan_text
from migrate.report.style import Style
from migrate.rules import Finding, NodeView
from migrate.rules.judge import judge
from migrate.targets import Target
from migrate.targets.bundle import BundleFile
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests.captured import capture_of, cluster, facts
from tests.rules import make

NEW = (Change("conmon", None, "2.1.2-1"), Change("cri-o", None, "1.23.5-1.1"), Change("cri-tools", None, "1.23.0-00"))
WANTED = Lacking(True, (("crictl", "cri-tools"),), ("cri-o", "cri-tools"))
TARBALL = "; or take the static tarball: docker2cri plan --to crio --install FILE lab-w1"
SUM = "ab" * 32
BUNDLE = BundleSource(
    path="/srv/cri-o.amd64.v1.23.5.tar.gz",
    sha256=SUM,
    size=30_000_000,
    files=(
        BundleFile(member="cri-o/bin/crio", path="/usr/local/bin/crio", sha256="01" * 32, mode="755", size=50_000_000),
        BundleFile(member="cri-o/bin/crictl", path="/usr/local/bin/crictl", sha256="02" * 32, mode="755", size=30_000_000),
        BundleFile(member="", path="/usr/local/lib/systemd/system/crio.service", sha256="03" * 32, mode="644", size=600),
    ),
)


def view(target: Target = CRIO, of: NodeFacts | None = None, host: str = "lab-w1") -> tuple[NodeView, tuple[Finding, ...]]:
    """A captured worker, which has Docker and containerd and nothing of CRI-O, and what is found of it."""
    capture, api = capture_of(host), cluster()
    (node,) = [one.node for one in match([machine(facts(capture))], api.nodes) if isinstance(one, Matched)]
    (found,) = judge(api, [(capture.host, capture, api.node(node), None)], target, {})
    assert found.view is not None
    return (dataclasses.replace(found.view, facts=of) if of else found.view), found.findings


def test_a_worker_lacks_cri_o_and_the_tools_that_it_has_not() -> None:
    one, _ = view()
    assert one.facts.crio is None
    without_tools = dataclasses.replace(one.facts, tools={"crictl": None, "skopeo": None})
    needs = lacking(dataclasses.replace(one, facts=without_tools))
    assert needs == Lacking(True, (("skopeo", "skopeo"), ("crictl", "cri-tools")), ("cri-o", "skopeo", "cri-tools"))
    with_skopeo = dataclasses.replace(one.facts, tools={"crictl": None, "skopeo": "skopeo version 1.9.3"})
    assert lacking(dataclasses.replace(one, facts=with_skopeo)) == Lacking(True, (("crictl", "cri-tools"),), ("cri-o", "cri-tools"))


def test_a_worker_lacks_nothing_for_the_containerd_that_docker_brought() -> None:
    assert lacking(view(CONTAINERD)[0]) is None


def test_a_containerd_that_is_too_old_is_upgraded_by_the_package_that_brought_it() -> None:
    one, _ = view(CONTAINERD)
    assert one.containerd is not None
    old = dataclasses.replace(one.facts, containerd=dataclasses.replace(one.containerd, version="1.4.13"))
    one = dataclasses.replace(one, facts=old)
    needs = lacking(one)
    assert needs == Lacking(True, (), ("containerd",))
    answer = Transaction("apt", (Change("containerd", "1.4.13~ds1-1", "1.6.20~ds1-1+deb12u3"), Change("runc", "1.0.0~rc93-1", "1.1.5-1")))
    step = by_packages(one, needs, answer)
    assert describe(step) == "install containerd with apt: containerd 1.6.20~ds1-1+deb12u3, runc 1.1.5-1"
    assert (step.unit, step.programs, step.cni_dir) == ("containerd.service", ("containerd",), "/etc/cni/net.d")


def test_the_packages_of_a_machine_decide_what_containerd_is_called() -> None:
    own = make.view(target=CONTAINERD).facts
    names = {
        "containerd.io": dataclasses.replace(own, packages=(make_package("docker-ce"),)),
        "containerd": dataclasses.replace(own, packages=(make_package("docker.io"), make_package("containerd"))),
    }
    assert {name: CONTAINERD.package(of) for name, of in names.items()} == {name: name for name in names}
    redhat = dataclasses.replace(own, packages=(), os=dataclasses.replace(own.os, id="rhel"))
    debian = dataclasses.replace(own, packages=(), os=dataclasses.replace(own.os, id="debian"))
    assert (CONTAINERD.package(redhat), CONTAINERD.package(debian)) == ("containerd.io", "containerd")


def make_package(name: str) -> Package:
    return Package(name, "1", False)


@pytest.mark.parametrize(
    ("answer", "seen", "instead"),
    [
        (
            Transaction("apt", (), problem="E: Unable to locate package cri-o"),
            "apt cannot install cri-o cri-tools: E: Unable to locate package cri-o",
            f"give the node a repository that has CRI-O for Kubernetes 1.23{TARBALL}",
        ),
        (
            Transaction("dnf", (*NEW, Change("containerd.io", "1.6.33-3.1", None), Change("docker-ce", "3:20.10.24-3", None))),
            "dnf would remove containerd.io, docker-ce to install cri-o cri-tools",
            f"take packages that live beside Docker's{TARBALL}",
        ),
        (
            Transaction("apt", (*NEW, Change("runc", "1.0.0", "1.1.5")), held=("runc",)),
            "apt would change runc, kept back by a hold, to install cri-o cri-tools",
            f"ask who holds it and why, then release it{TARBALL}",
        ),
        (
            Transaction("zypper", (*NEW, Change("docker", "20.10.23_ce-1", "24.0.5_ce-1"), Change("kubelet", "1.23.17", "1.24.0"))),
            "zypper would change what the node runs on to install cri-o cri-tools: "
            "docker 20.10.23_ce-1 -> 24.0.5_ce-1, kubelet 1.23.17 -> 1.24.0",
            f"take packages that live beside Docker's{TARBALL}",
        ),
        (
            Transaction("apt", (*NEW, Change("containerd", "1.5.9", "1.6.20"))),
            "apt would change what the node runs on to install cri-o cri-tools: containerd 1.5.9 -> 1.6.20",
            f"take packages that live beside Docker's{TARBALL}",
        ),
        (
            Transaction("dnf", (Change("cri-tools", None, "1.23.0-0"), Change("podman", None, "4.4-1"))),
            "dnf would not change cri-o to install cri-o cri-tools, but cri-tools, podman",
            "look on the node which package has the program, and install it by hand",
        ),
        (
            Transaction("apt", ()),
            "apt has cri-o cri-tools installed, and crio, crictl did not answer",
            "look on the node why: crio --version",
        ),
        (
            Transaction("apt", (Change("cri-o", None, "1.30.2-1"), Change("cri-tools", None, "1.30.0-1"))),
            "apt offers cri-o 1.30.2-1: CRI-O 1.30.2-1 is for Kubernetes 1.30, the kubelet is 1.23.17: install CRI-O 1.23",
            f"give the node a repository that has CRI-O for Kubernetes 1.23{TARBALL}",
        ),
    ],
    ids=(
        "no-package",
        "removes-docker",
        "held",
        "changes-what-serves",
        "changes-containerd",
        "another-package",
        "there-and-silent",
        "another-minor",
    ),
)
def test_what_is_refused(answer: Transaction, seen: str, instead: str) -> None:
    with pytest.raises(NotInstallable) as refused:
        by_packages(view()[0], WANTED, answer)
    assert (refused.value.code, refused.value.seen, refused.value.instead) == ("D2C601", seen, instead)


def test_a_tarball_brings_what_it_has_and_the_rest_stays_lacking() -> None:
    one, _ = view()
    needs = Lacking(True, (("skopeo", "skopeo"), ("crictl", "cri-tools")), ("cri-o", "skopeo", "cri-tools"))
    step = by_bundle(one, needs, BUNDLE, "1.23.5", "amd64")
    assert describe(step) == "install CRI-O: 3 files of /srv/cri-o.amd64.v1.23.5.tar.gz"
    assert step.programs == ("crio", "crictl")
    assert without(needs, step) == Lacking(False, (("skopeo", "skopeo"),), ("skopeo",))


def test_a_tarball_of_another_minor_and_one_beside_a_runtime_are_refused() -> None:
    with pytest.raises(NotInstallable) as refused:
        by_bundle(view()[0], WANTED, BUNDLE, "1.24.1", "amd64")
    assert (refused.value.code, refused.value.seen) == (
        "D2C603",
        "/srv/cri-o.amd64.v1.23.5.tar.gz: CRI-O 1.24.1 is for Kubernetes 1.24, the kubelet is 1.23.17: install CRI-O 1.23",
    )
    with pytest.raises(NotInstallable) as refused:
        by_bundle(view(CONTAINERD)[0], Lacking(True, (), ("containerd",)), BUNDLE, "1.6.20", "amd64")
    assert (refused.value.code, refused.value.seen) == ("D2C602", "containerd 1.6.20~ds1 is on the node already")


def planned() -> NodePlan:
    one, findings = view()
    tools = Lacking(False, (("skopeo", "skopeo"),), ("skopeo",))
    steps = (
        by_bundle(one, WANTED, BUNDLE, "1.23.5", "amd64"),
        by_packages(one, tools, Transaction("apt", (Change("skopeo", None, "1.9.3+ds1-1+b10"),))),
    )
    return install_plan(one, findings, steps)


def test_the_plan_installs_and_moves_nothing() -> None:
    plan = planned()
    assert [one.segment for one in plan.steps] == ["prepare", "prepare"]
    assert (plan.moves, plan.refusals, plan.pods) == (False, (), ())
    assert plan.may_differ == ("what was installed of CRI-O, skopeo stays, stopped and disabled", RECORD)
    assert [describe(one.step) for one in rollback_of(plan)] == [
        "leave skopeo installed, stopped and disabled",
        "leave CRI-O installed, stopped and disabled",
    ]
    assert load_plan(dump_plan(alone(plan, "crio"))) == alone(plan, "crio")


def test_a_node_that_is_not_ours_gets_nothing() -> None:
    one, findings = view(host="lab-cp1")
    refused = install_plan(one, findings, planned().of("prepare"))  # type: ignore[arg-type]
    assert (refused.steps, [one.code for one in refused.refusals]) == ((), ["D2C105"])


def test_what_the_node_is_told() -> None:
    written = {"/usr/local/lib/systemd/system/crio.service": "[Service]\nExecStart=/usr/local/bin/crio\n"}
    program = render(planned(), (), "run-1", {}, written=written)
    assert [one.line for one in host_lines(planned())] == [
        f"1\tprepare\tboth\tinstall\tcrio.service\t/etc/cni/net.d\tcrio,crictl\tbundle\t{SUM}\n",
        "2\tprepare\tboth\tinstall\tcrio.service\t/etc/cni/net.d\tskopeo\tapt\tskopeo=1.9.3+ds1-1+b10\n",
    ]
    files = {one.path: one.data.decode() for one in program.files}
    assert files["bundle.list"] == (
        f"{'01' * 32} 755 cri-o/bin/crio /usr/local/bin/crio\n"
        f"{'02' * 32} 755 cri-o/bin/crictl /usr/local/bin/crictl\n"
        f"{'03' * 32} 644 run:1 /usr/local/lib/systemd/system/crio.service\n"
    )
    assert files["bundle/1"] == written["/usr/local/lib/systemd/system/crio.service"]
    assert files["units/policy-rc.d"].endswith("exit 101\n")
    assert files["units/install.conf"].endswith("[Unit]\nRefuseManualStart=yes\nRefuseManualStop=yes\n")


def test_how_it_is_read() -> None:
    text = plan_text(alone(planned(), "crio"), Style(width=120, color=False))
    assert text.startswith("Plan to CRI-O: 0 of 1 nodes can be migrated, 1 first get what they lack, 0 refused\n")
    assert text[text.index("STEPS") :] == (
        "STEPS\n"
        "  prepare (on the node, nothing is disturbed)\n"
        "     1. install CRI-O: 3 files of /srv/cri-o.amd64.v1.23.5.tar.gz\n"
        "        beside Docker, which serves on: nothing is started or restarted by it\n"
        "        /usr/local/bin/crio (50.0 MB, sha256 010101010101)\n"
        "        /usr/local/bin/crictl (30.0 MB, sha256 020202020202)\n"
        "        /usr/local/lib/systemd/system/crio.service (600 B, sha256 030303030303)\n"
        "     2. install skopeo with apt: skopeo 1.9.3+ds1-1+b10\n"
        "        beside Docker, which serves on: nothing is started or restarted by it\n"
        "        skopeo 1.9.3+ds1-1+b10 (new)\n"
        "\n"
        "Afterwards: what was installed of CRI-O, skopeo stays, stopped and disabled; /var/lib/docker2cri keeps the record of the\n"
        "  run. Nothing else changes; the move is planned when it is there.\n"
    )


def test_every_step_in_it_is_an_installation() -> None:
    assert all(isinstance(one.step, InstallRuntime) for one in planned().steps)
