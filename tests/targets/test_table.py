"""The table of targets: exactly the runtimes, each asked for by its name, with the options that it has."""

from __future__ import annotations

import pytest

from migrate.facts.capture import Capture
from migrate.formats import toml_doc
from migrate.node import fixed_files
from migrate.sources.table import origin_of
from migrate.targets import Target, with_options
from migrate.targets.compose import compose
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from migrate.targets.table import TARGETS, target_named, titled
from tests.captured import WITH_CRIO, capture_of, facts, with_file

OWN = with_options(CRIO, {"own-defaults"})


def test_it_holds_exactly_the_runtimes() -> None:
    assert [target.name for target in TARGETS] == ["containerd", "crio"]
    for field in ("title", "runtime", "prefix", "unit", "socket", "endpoint", "node_part"):
        assert len({getattr(target, field) for target in TARGETS}) == len(TARGETS)


@pytest.mark.parametrize("target", [*TARGETS, OWN], ids=lambda target: target.name)
def test_a_name_leads_back_to_its_target(target: Target) -> None:
    found = target_named(target.name)
    assert found is not None
    assert (found.name, found.asked, found.title) == (target.name, target.asked, target.title)
    assert titled(target.name) == target.title


@pytest.mark.parametrize("name", ["docker", "", "crio+", "crio+more", "containerd+own-defaults", "own-defaults"])
def test_another_name_is_none(name: str) -> None:
    assert target_named(name) is None
    assert titled(name) == name


def test_crio_with_its_own_defaults_is_crio_with_an_option() -> None:
    assert (OWN.name, OWN.asked, OWN.title, OWN.prefix) == ("crio+own-defaults", "--to crio --crio-defaults", "CRI-O", "cri-o://")
    assert CRIO.own_defaults(facts(capture_of("lab-w8", WITH_CRIO))) == ()
    assert len(OWN.own_defaults(facts(capture_of("lab-w8", WITH_CRIO)))) == 3
    assert (CRIO.default_capabilities_dropped, len(OWN.default_capabilities_dropped)) == (frozenset(), 5)


def test_without_options_a_target_is_itself_and_another_s_option_is_refused() -> None:
    assert with_options(CRIO, ()) is CRIO
    with pytest.raises(ValueError, match=r"^containerd has no option own-defaults$"):
        with_options(CONTAINERD, {"own-defaults"})


def test_commands_are_formats_with_the_container_s_id() -> None:
    assert CONTAINERD.pid.format(id="abc") == "ctr -n k8s.io tasks ls | awk -v id=abc '$1 == id { print $2 }'"
    assert CRIO.pid.format(id="abc") == "crictl inspect -o go-template --template '{{.info.pid}}' abc"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_named_is_there(target: Target) -> None:
    capture: Capture = capture_of("lab-w8", WITH_CRIO)
    assert set(fixed_files(target.node_part)) == {"program.sh", "restore.sh", "README"}
    assert set(target.decisive) <= capture.commands.keys()
    assert [path for path in target.configured(facts(capture)) if path not in capture.paths] == []


def test_hosts_of_containerd_lie_where_its_file_says() -> None:
    assert CONTAINERD.hosts is not None
    assert CONTAINERD.hosts(facts(capture_of())) == "/etc/containerd/certs.d"
    assert CRIO.hosts is None


def test_the_cni_folders_of_cri_o_are_those_of_the_source() -> None:
    env = "/var/lib/kubelet/kubeadm-flags.env"
    capture = capture_of("lab-w8", WITH_CRIO)
    capture = with_file(capture, env, capture.paths[env].text.replace("--network-plugin=cni", "--network-plugin=cni --cni-bin-dir=/a,/b"))
    changes, _ = compose(CRIO, facts(capture), origin_of(facts(capture)))
    (drop_in,) = [change.after.decode() for change in changes if change.path.startswith("/etc/crio/")]
    assert toml_doc.load(drop_in)["crio"]["network"]["plugin_dirs"] == ["/a", "/b"]
