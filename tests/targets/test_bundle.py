"""Which files a node gets of a static tarball, and which tarballs are refused, with whole sentences."""

from __future__ import annotations

import hashlib
import re

import pytest

from migrate.targets.bundle import BundleFile, Layout, Listed, Member, bundle_files, fits, read_name
from migrate.targets.bundles import CONTAINERD_BUNDLE, CONTAINERD_UNIT, CRIO_BUNDLE

CRIO = ("cri-o/bin/crio", "cri-o/bin/pinns", "cri-o/bin/conmon", "cri-o/bin/crictl", "cri-o/contrib/crio.service")
# what lies in cri-o.amd64.v1.23.5.tar.gz besides (contrib/bundle/build), and what later bundles have
LEFT_OUT = (
    *("cri-o/bin/runc", "cri-o/bin/crun", "cri-o/bin/crio-status", "cri-o/bin/conmonrs", "cri-o/bin/crio-credential-provider"),
    *("cri-o/cni-plugins/bridge", "cri-o/contrib/10-crio-bridge.conf", "cri-o/contrib/policy.json", "cri-o/contrib/registries.conf"),
    *("cri-o/etc/crio.conf", "cri-o/etc/10-crun.conf", "cri-o/etc/crictl.yaml", "cri-o/man/crio.8", "cri-o/install"),
)


def whole(said: str) -> str:
    return f"^{re.escape(said)}$"


def listed(name: str) -> Listed:
    return Listed(name, "file", 10, hashlib.sha256(name.encode()).hexdigest())


def crio(*changed: Listed, without: str = "") -> list[Listed]:
    mine = [listed(name) for name in (*LEFT_OUT, *CRIO) if name != without]
    return [Listed("cri-o", "directory"), Listed("cri-o/bin", "directory"), *mine, *changed]


def taken(member: str, path: str, mode: str = "755") -> BundleFile:
    return BundleFile(member=member, path=path, sha256=hashlib.sha256(member.encode()).hexdigest(), mode=mode, size=10)


CRIO_FILES = (
    taken("cri-o/bin/crio", "/usr/local/bin/crio"),
    taken("cri-o/bin/pinns", "/usr/local/bin/pinns"),
    taken("cri-o/bin/conmon", "/usr/local/bin/conmon"),
    taken("cri-o/bin/crictl", "/usr/local/bin/crictl"),
    taken("cri-o/contrib/crio.service", "/usr/local/lib/systemd/system/crio.service", "644"),
)


def test_cri_o_gets_its_programs_and_its_unit_and_nothing_else() -> None:
    assert bundle_files(CRIO_BUNDLE, crio()) == CRIO_FILES


def test_a_bundle_of_early_2024_has_conmon_under_another_name() -> None:
    found = bundle_files(CRIO_BUNDLE, crio(listed("cri-o/bin/crio-conmon"), without="cri-o/bin/conmon"))
    assert found == (*CRIO_FILES[:2], taken("cri-o/bin/crio-conmon", "/usr/local/bin/conmon"), *CRIO_FILES[3:])


def test_containerd_gets_its_programs_and_a_unit_that_its_tarball_lacks() -> None:
    names = ("bin/containerd-stress", "bin/ctr", "bin/containerd-shim", "bin/containerd-shim-runc-v2", "bin/containerd")
    unit = CONTAINERD_UNIT.encode()
    assert bundle_files(CONTAINERD_BUNDLE, map(listed, names)) == (
        taken("bin/containerd", "/usr/local/bin/containerd"),
        taken("bin/containerd-shim-runc-v2", "/usr/local/bin/containerd-shim-runc-v2"),
        taken("bin/ctr", "/usr/local/bin/ctr"),
        BundleFile(
            member="",
            path="/usr/local/lib/systemd/system/containerd.service",
            sha256=hashlib.sha256(unit).hexdigest(),
            mode="644",
            size=len(unit),
        ),
    )


@pytest.mark.parametrize("layout", [CRIO_BUNDLE, CONTAINERD_BUNDLE])
def test_nothing_comes_before_docker_s_own_runc_and_nothing_lands_in_etc(layout: Layout) -> None:
    paths = [*(one.path for one in layout.members), *(path for path, _ in layout.written)]
    assert {path.rpartition("/")[0] for path in paths} == {"/usr/local/bin", "/usr/local/lib/systemd/system"}
    assert {path.rpartition("/")[2] for path in paths} & {"runc", "crun", "docker", "dockerd"} == set()


@pytest.mark.parametrize("name", CRIO)
def test_a_needed_member_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=whole(f"it has no member {name}, which CRI-O needs")):
        bundle_files(CRIO_BUNDLE, crio(without=name))


def test_a_member_that_is_not_needed_may_be_missing() -> None:
    layout = Layout("Other", "", "", (Member("one", "/one"), Member("two", "/two", needed=False)))
    assert bundle_files(layout, [listed("one")]) == (taken("one", "/one"),)


@pytest.mark.parametrize(
    ("odd", "without", "said"),
    [
        (listed("cri-o/bin/crio"), "", "it has two members named cri-o/bin/crio"),
        (listed("./cri-o/bin/crio"), "cri-o/bin/crio", "its member './cri-o/bin/crio' is not named cri-o/bin/crio"),
        (listed("/cri-o/bin/crio"), "cri-o/bin/crio", "its member '/cri-o/bin/crio' is not named cri-o/bin/crio"),
        (listed("cri-o/bin/../bin/crio"), "", "its member 'cri-o/bin/../bin/crio' is not named cri-o/bin/crio"),
        (listed("../cri-o/bin/crio"), "cri-o/bin/crio", "it has no member cri-o/bin/crio, which CRI-O needs"),
        (
            Listed("cri-o/bin/crio", "symbolic link"),
            "cri-o/bin/crio",
            "its member cri-o/bin/crio is a symbolic link, expected a file",
        ),
        (Listed("cri-o/bin/crio", "device"), "cri-o/bin/crio", "its member cri-o/bin/crio is a device, expected a file"),
        (Listed("cri-o/bin/crio", "file"), "cri-o/bin/crio", "its member cri-o/bin/crio is empty"),
    ],
)
def test_an_odd_member_is_refused(odd: Listed, without: str, said: str) -> None:
    with pytest.raises(ValueError, match=whole(said)):
        bundle_files(CRIO_BUNDLE, crio(odd, without=without))


@pytest.mark.parametrize(
    ("name", "layout", "version", "arch"),
    [
        ("cri-o.amd64.v1.23.5.tar.gz", CRIO_BUNDLE, "1.23.5", "amd64"),
        ("cri-o.s390x.v1.36.0-rc.1.tar.gz", CRIO_BUNDLE, "1.36.0-rc.1", "s390x"),
        ("containerd-1.6.20-linux-amd64.tar.gz", CONTAINERD_BUNDLE, "1.6.20", "amd64"),
        ("containerd-static-1.7.13-linux-arm64.tar.gz", CONTAINERD_BUNDLE, "1.7.13", "arm64"),
        ("containerd-2.0.0-rc.1-linux-riscv64.tar.gz", CONTAINERD_BUNDLE, "2.0.0-rc.1", "riscv64"),
    ],
)
def test_a_name_tells_version_and_architecture(name: str, layout: Layout, version: str, arch: str) -> None:
    found = read_name(name, (CRIO_BUNDLE, CONTAINERD_BUNDLE))
    assert (found.layout, found.version, found.arch) == (layout, version, arch)


KNOWN = "CRI-O's is named like cri-o.amd64.v1.23.5.tar.gz or containerd's is named like containerd-1.6.20-linux-amd64.tar.gz"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("crio.tgz", f"the name crio.tgz tells neither version nor architecture: {KNOWN}"),
        ("cri-o.amd64.v1.23.tar.gz", f"the name cri-o.amd64.v1.23.tar.gz tells neither version nor architecture: {KNOWN}"),
        (
            "cri-o.amd64.aee0d1a1b2c3d4e5f60718293a4b5c6d7e8f9012.tar.gz",
            "cri-o.amd64.aee0d1a1b2c3d4e5f60718293a4b5c6d7e8f9012.tar.gz is a build of a commit and names no version: "
            "take a release, like cri-o.amd64.v1.23.5.tar.gz",
        ),
        (
            "crio-v1.20.2.tar.gz",
            "crio-v1.20.2.tar.gz is packed as up to CRI-O 1.20.2, which is not supported: take the latest patch release, "
            "like cri-o.amd64.v1.20.9.tar.gz",
        ),
        (
            "cri-containerd-cni-1.6.20-linux-amd64.tar.gz",
            "cri-containerd-cni-1.6.20-linux-amd64.tar.gz is to be unpacked over / and brings runc, mostly a CNI configuration too, "
            "under which Docker would change: take the one named like containerd-1.6.20-linux-amd64.tar.gz",
        ),
        (
            "containerd-1.6.20-windows-amd64.tar.gz",
            f"the name containerd-1.6.20-windows-amd64.tar.gz tells neither version nor architecture: {KNOWN}",
        ),
        ("cri-o.mips.v1.23.5.tar.gz", "cri-o.mips.v1.23.5.tar.gz is for mips; known are amd64, arm64, ppc64le, s390x, riscv64"),
    ],
)
def test_another_name_is_refused_with_what_to_take(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=whole(why)):
        read_name(name, (CRIO_BUNDLE, CONTAINERD_BUNDLE))


@pytest.mark.parametrize(
    ("arch", "machine", "runs"),
    [
        ("amd64", "x86_64", True),
        ("arm64", "aarch64", True),
        ("amd64", "aarch64", False),
        ("amd64", "i686", False),
        ("armv7l", "armv7l", False),
    ],
)
def test_an_architecture_fits_the_machine_s_own_name_for_it(arch: str, machine: str, runs: bool) -> None:
    assert fits(arch, machine) is runs
