"""D2C128 and D2C129, and the data that they judge by."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from migrate.facts.capture import PathReading
from migrate.facts.model import Endpoint
from migrate.rules import NodeView
from migrate.targets.containerd_releases import CONTAINERD_ENDS
from migrate.targets.crio import CRIO
from migrate.targets.releases import EVERY, Retired, supported
from tests.rules import make
from tests.rules.case import Case

CONFIG = "/etc/containerd/config.toml"
RUNTIME, IMAGES, OLD = "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images", "io.containerd.grpc.v1.cri"
NOW = "2.3 until 2028-04-30, 2.0 until 2027-03-31"


def on(day: date, version: str, **given: Any) -> NodeView:
    taken = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    return make.view(of=make.facts(taken=taken, containerd=make.containerd(version=version)), **given)


def having(version: str, text: str) -> NodeView:
    """The node on containerd, which nothing is planned for, with this file."""
    files = {CONFIG: PathReading("file", "644", "root:root", len(text), 0, None, text.encode())}
    endpoint = Endpoint("containerd", "unix:///run/containerd/containerd.sock", "a flag")
    return make.view(of=make.facts(containerd=make.containerd(version=version), files=files, endpoint=endpoint))


CASES = (
    Case(
        "D2C128",
        "over for a year",
        on(date(2026, 12, 1), "1.6.20~ds1"),
        (
            (
                "containerd 1.6.20~ds1",
                "its project supported it until 2025-08-23; on 2026-12-01 it supports 2.4 until 2027-05-16, " + NOW,
            ),
        ),
    ),
    Case("D2C128", "its last day", on(date(2026, 9, 30), "1.7.36")),
    Case(
        "D2C128",
        "the day after",
        on(date(2026, 10, 1), "v1.7.36"),
        (
            (
                "containerd 1.7.36",
                "its project supported it until 2026-09-30; on 2026-10-01 it supports 2.4 until 2027-05-16, "
                "2.3 until 2028-04-30, 2.2 until 2026-11-06, 2.0 until 2027-03-31",
            ),
        ),
    ),
    Case("D2C128", "supported", on(date(2026, 12, 1), "v2.3.7")),
    Case("D2C128", "one that is not known yet", on(date(2026, 12, 1), "v2.9.0")),
    Case("D2C128", "another target", on(date(2026, 12, 1), "1.6.20", target=CRIO)),
    Case(
        "D2C129",
        "the folder of plugins, before the release that drops it",
        having("v2.3.7", f'version = 3\n[plugins."{RUNTIME}".cni]\nbin_dir = "/usr/lib/cni"\n'),
        (
            (
                "cni.bin_dir",
                f"{CONFIG}: 2.4 and later do not read it: it is dropped with a warning, and CNI plugins are looked for in /opt/cni/bin; "
                "instead: bin_dirs, a list",
            ),
        ),
    ),
    Case(
        "D2C129",
        "on the release that drops it",
        having("v2.4.2", f'version = 4\n[plugins."{RUNTIME}".cni]\nbin_dir = "/usr/lib/cni"\n'),
        (
            (
                "cni.bin_dir",
                f"{CONFIG}: containerd 2.4.2 does not read it: it is dropped with a warning, and CNI plugins are looked for in "
                "/opt/cni/bin; instead: bin_dirs, a list",
            ),
        ),
    ),
    Case("D2C129", "of a file of version 2 it is carried over", having("v2.3.7", f'version = 2\n[plugins."{OLD}".cni]\nbin_dir = "/x"\n')),
    Case(
        "D2C129",
        "registries",
        having(
            "1.7.36",
            f'version = 2\n[plugins."{OLD}".registry.mirrors."r"]\nendpoint = ["https://r"]\n[plugins."{OLD}".containerd.runtimes.x]\n'
            'runtime_root = "/run/x"\n',
        ),
        (
            (
                "containerd.runtimes.x.runtime_root",
                f"{CONFIG}: 2.0 and later do not read it: pods get the default in its place; instead: Root in its options",
            ),
            (
                "registry.mirrors",
                f"{CONFIG}: 2.7 and later do not read it: images are pulled without it; "
                "instead: hosts.toml files below registry.config_path",
            ),
        ),
    ),
    Case(
        "D2C129",
        "a list of folders",
        having("v2.3.7", f'version = 4\n[plugins."{IMAGES}".registry]\nconfig_path = "/etc/containerd/certs.d:/etc/docker/certs.d"\n'),
        (
            (
                "registry.config_path",
                f"{CONFIG}: containerd 2.3.7 does not read it: images are pulled without it: the list is taken for one folder's name; "
                "instead: one folder",
            ),
        ),
    ),
    Case("D2C129", "empty values, as a default file has them", having("v2.3.7", f'version = 4\n[plugins."{RUNTIME}".cni]\nbin_dir = ""\n')),
    Case("D2C129", "no TOML, which others tell", having("v2.3.7", "version = \n")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def test_a_key_with_any_name_in_it_is_found_under_each() -> None:
    retired = Retired(("a", EVERY, "b"), (2, 0), "it is lost", "c", lambda value: value == 1)
    assert list(retired.found({"a": {"x": {"b": 1}, "y": {"b": 2}, "z": 3}})) == [("a", "x", "b")]
    assert list(retired.found({"a": 1})) == []


def test_what_is_supported_on_a_day() -> None:
    assert supported(CONTAINERD_ENDS, date(2026, 12, 1)) == "2.4 until 2027-05-16, " + NOW
    assert supported(CONTAINERD_ENDS, date(2029, 1, 1)) == ""
