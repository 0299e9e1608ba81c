"""Which names Kubernetes allows, and which may stand in a path."""

from __future__ import annotations

import pytest

from migrate.facts.names import is_file_name, is_host_name, is_namespace, is_object_name, is_segment


@pytest.mark.parametrize(
    ("name", "objects", "namespaces", "segments", "files"),
    [
        ("lab-w1", True, True, True, True),
        ("ip-10-0-0-1.eu.internal", True, False, True, True),
        ("system:node", False, False, True, True),
        ("Worker", False, False, True, True),
        ("", False, False, False, False),
        (".", False, False, False, False),
        ("..", False, False, False, False),
        ("../w2", False, False, False, False),
        ("w1/status", False, False, False, False),
        ("w1%2fstatus", False, False, False, True),
        ("-o", False, False, True, False),
        (".bashrc", False, False, True, False),
        ("w1\n", False, False, False, False),
        ("w1\0", False, False, False, False),
        ("²", False, False, True, True),
        ("a" * 64, False, False, True, True),
        ("a.a." * 64 + "a", False, False, True, False),
    ],
)
def test_names(name: str, objects: bool, namespaces: bool, segments: bool, files: bool) -> None:
    assert (is_object_name(name), is_namespace(name), is_segment(name), is_file_name(name)) == (objects, namespaces, segments, files)


@pytest.mark.parametrize("name", ["10.0.0.1", "fd00::1", "lab-w1", "Worker_7.rack.example", "a"])
def test_hosts(name: str) -> None:
    assert is_host_name(name)


@pytest.mark.parametrize(
    "name", ["", "-oProxyCommand=x", "$(touch x)", "`id`", "10.0.0.1;id", "a b", "a\n", "x|y", "fe80::1%$(id)", "fe80::1%eth0", "a" * 300]
)
def test_what_a_shell_would_take_for_more_is_no_host(name: str) -> None:
    assert not is_host_name(name)
