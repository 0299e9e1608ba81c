"""What becomes of copied images in the target's store: D2C215 to D2C217."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migrate.facts.capture import PathReading
from migrate.facts.model import Crio, Image
from migrate.rules import NodeView
from migrate.targets import Pinning, Target
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests.rules import make
from tests.rules.case import Case

LOCAL = Image("sha256:local", ("local/report:1",), (), make.GIB)


def store(containerd: str = "1.6.20~ds1", kubelet: str = "v1.23.17", image: str = "local/report:1") -> NodeView:
    """A pod of an image that was never pulled, on a node with these versions."""
    of = make.facts(
        docker=make.docker(images=(LOCAL,)), containerd=make.containerd(version=containerd), kubelet=make.kubelet(version=kubelet)
    )
    return make.view(make.pod(container={"image": image}), of=of)


def kept(target: Target = CONTAINERD, *, child: bool = False) -> NodeView:
    """A Docker that keeps its images in containerd, as Docker 26.1.5 tells it."""
    info = {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "CgroupDriver": "systemd"}
    return replace(make.view(of=make.facts(docker=make.docker(info=info, child_containerd=child))), target=target)


def said(why: str) -> tuple[tuple[str, str], ...]:
    return (("1 image that was never pulled", f"{why}: local/report:1"),)


OLD = "containerd {} does not tell the kubelet which are pinned (1.6.22 and 1.7.3 do)"
HEEDLESS = "kubelet {} does not heed it (1.25.14 does)"
CASES = (
    Case("D2C215", "both are too old", store(), said(f"{OLD.format('1.6.20~ds1')}, {HEEDLESS.format('1.23.17')}")),
    Case("D2C215", "containerd is too old", store("1.7.2", "v1.28.2"), said(OLD.format("1.7.2"))),
    Case("D2C215", "the kubelet is too old", store("1.7.35"), said(HEEDLESS.format("1.23.17"))),
    Case("D2C215", "the kubelet's patch is too old", store("1.7.35", "v1.27.5"), said(HEEDLESS.format("1.27.5"))),
    Case("D2C215", "1.6.22", store("1.6.22", "v1.25.14")),
    Case("D2C215", "1.7.3", store("1.7.3", "v1.28.2")),
    Case("D2C215", "2.3", store("2.3.0", "v1.36.3")),
    Case("D2C215", "no pod uses it", store(image="registry.example/web:1")),
    Case("D2C215", "everything was pulled", make.view()),
    Case("D2C216", "graph driver", make.view()),
    Case(
        "D2C216",
        "the system's containerd",
        kept(),
        (("Docker's image store", "driver-type io.containerd.snapshotter.v1, in the containerd that serves the system"),),
    ),
    Case(
        "D2C216",
        "its own containerd",
        kept(child=True),
        (("Docker's image store", "driver-type io.containerd.snapshotter.v1, in the containerd of its own"),),
    ),
    Case("D2C216", "to CRI-O", kept(CRIO)),
    Case("D2C217", "to containerd", kept()),
    Case("D2C217", "to CRI-O", kept(CRIO), (("Docker's image store", "driver-type io.containerd.snapshotter.v1"),)),
    Case("D2C217", "graph driver to CRI-O", replace(make.view(), target=CRIO)),
    Case("D2C215", "nothing is installed", make.view(of=make.facts(docker=make.docker(images=(LOCAL,)), containerd=None))),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def crio(version: str, *listed: str) -> Crio:
    return Crio(version, {"crio": {"image": {"pinned_images": list(listed)}}})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, None),
        (crio("1.27.4"), None),
        (crio("1.28.0"), Pinning("/etc/crio/crio.conf.d/99-docker2cri-pinned.conf")),
        (crio("1.36.3", 'a"b*'), Pinning("/etc/crio/crio.conf.d/99-docker2cri-pinned.conf", ('a\\"b*',))),
    ],
)
def test_crio_has_a_list_since_1_28(found: Crio | None, expected: Pinning | None) -> None:
    assert CRIO.pinning(make.facts(crio=found)) == expected


def test_its_drop_in_comes_after_the_file_that_lists_images() -> None:
    text = b'[crio.image]\npinned_images = ["registry.example/own"]\n'
    facts = make.facts(
        crio=crio("1.28.0", "registry.example/own"), files={"/etc/crio/crio.conf.d/zz-own.conf": PathReading("file", data=text)}
    )
    assert CRIO.pinning(facts) == Pinning("/etc/crio/crio.conf.d/zz-ownzz-docker2cri-pinned.conf", ("registry.example/own",))
