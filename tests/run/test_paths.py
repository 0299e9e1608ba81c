"""A name is one segment of a path, whoever gave it: in the API, and in the folder of a run."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.errors import ClusterUnreachable, Refused, UsageError
from migrate.facts.api import Metadata
from migrate.facts.cluster import Node, NodeAddress, NodeStatus
from migrate.run.kube import paths
from migrate.run.runs import RunFolder
from migrate.run.session import host_of
from migrate.run.ssh.config import SshFlags, resolve
from migrate.verify.judge import Before

KUBE = Path(paths.__file__).parent
ELSEWHERE = ["..", ".", "", "../namespaces/ops/serviceaccounts/deployer", "w1/status", "w1%2F..%2Fw2", "w1\n"]


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize(
    "path",
    [
        paths.node_path,
        lambda name: paths.pod_path("ops", name),
        lambda name: paths.pod_path(name, "a"),
        lambda name: paths.in_namespace(paths.PODS, name),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(path: Callable[[str], str], name: str) -> None:
    with pytest.raises(Refused, match="cannot stand in a path of the API"):
        path(name)


def test_a_name_is_quoted_whole() -> None:
    assert paths.node_path("a?b#c d") == "/api/v1/nodes/a%3Fb%23c%20d"
    assert paths.in_namespace("/apis/apps/v1/replicasets", "shop") == "/apis/apps/v1/namespaces/shop/replicasets"
    assert paths.pod_path("shop", "web-0") == "/api/v1/namespaces/shop/pods/web-0"


def test_paths_are_built_in_one_place() -> None:
    """No other module of the API's room puts a value into a path that it writes out, or quotes one itself."""
    found = []
    for module in KUBE.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            written = (
                isinstance(node, ast.JoinedStr)
                and isinstance(node.values[0], ast.Constant)
                and str(node.values[0].value).startswith("/api")
            )
            quoted = isinstance(node, ast.Name) and node.id == "quote"
            if module.name != "paths.py" and (written or quoted):
                found.append(f"{module.name}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize("name", ["..", "../../home", "a/b", ".ssh", "-rf", ""])
def test_a_run_and_its_nodes_keep_to_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is no file name"):
        RunFolder(name, tmp_path / "runs")
    folder = RunFolder("0123456789ab", tmp_path / "runs")
    with pytest.raises(UsageError, match="is no file name"):
        folder.keep_before(name, Before(node="w1", kubelet="v1.23.17"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("address", ["$(touch x)", "10.0.0.1;id", "-oProxyCommand=id", "`id`"])
def test_an_address_that_a_kubelet_wrote_reaches_no_shell(tmp_path: Path, address: str) -> None:
    """A ProxyCommand is a shell's line, and has the host in it."""
    config = tmp_path / "config"
    config.write_text("Host *\n  ProxyCommand nc %h %p\n")
    written = (NodeAddress(type="InternalIP", address=address), NodeAddress(type="Hostname", address=address))
    host = host_of(Node(metadata=Metadata(name="w1"), status=NodeStatus(addresses=written)))
    assert (host.name, host.address) == ("w1", "w1")
    assert resolve(host, SshFlags(config_file=str(config))).proxy_command == "exec nc w1 22"
    real = host_of(
        Node(metadata=Metadata(name="w1"), status=NodeStatus(addresses=(*written, NodeAddress(type="InternalIP", address="10.0.0.1"))))
    )
    assert real.address == "10.0.0.1"


def test_a_node_whose_name_is_none_is_no_host() -> None:
    with pytest.raises(ClusterUnreachable, match="the API names a node"):
        host_of(Node(metadata=Metadata(name="$(id)")))
