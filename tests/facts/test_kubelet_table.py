"""The table of kubelet flags and fields: well-formed, and true of the real kubelet 1.23.17.

data/kubelet-1.23.17-flags.txt is what `kubelet --help` of that version lists: a flag a line, its type (`-` for a boolean), its default.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from migrate.facts import kubelet_table as table
from migrate.facts.kubelet_table import BOOLEANS, FIELDS, FIRST, FLAGS, LAST, REFUSALS, Flag, gone, knows_field, refusal, refused_fields
from tests.lab.spec import CACHE

HELP = Path(__file__).parent / "data" / "kubelet-1.23.17-flags.txt"
BLOCKS = {name: getattr(table, name) for name in ("_DOCKERSHIM", "_CADVISOR", "_KLOG", "_CHANGED", "STAYING")}
# `kubelet --help` does not list what is marked hidden
HIDDEN = {"experimental-dockershim-root-directory"}


def flags_of(text: str) -> dict[str, tuple[str, str]]:
    """Name -> type and default, from the text of `kubelet --help`."""
    found = {}
    for entry in re.split(r"\n(?= +(?:-\w, )?--)", text):
        head = re.match(r" *(?:-\w, )?--([a-z0-9-]+)(?: (\S+))?  ", entry)
        if head:
            default = re.search(r'\(default (?:"([^"]*)"|([^)]*))\)', entry)
            found[head[1]] = (head[2] or "-", (default[1] if default[1] is not None else default[2]) if default else "")
    return found


def listed() -> dict[str, tuple[str, str]]:
    lines = [line.split(" ", 2) for line in HELP.read_text().splitlines()]
    return {name: (kind, default) for name, kind, default in lines}


def known_at(minor: int) -> set[str]:
    return {flag.name for flag in FLAGS.values() if (flag.since or 0) <= minor and gone(flag.name, minor) is None}


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_in_order(block: str) -> None:
    names = [flag.name for flag in BLOCKS[block]]
    assert names == sorted(names)


def test_no_flag_stands_twice_and_fields_are_in_order() -> None:
    assert len(FLAGS) == sum(map(len, BLOCKS.values()))
    assert [name.lower() for name in FIELDS] == sorted(name.lower() for name in FIELDS)


@pytest.mark.parametrize("row", [flag for name, block in BLOCKS.items() if name != "STAYING" for flag in block], ids=lambda flag: flag.name)
def test_a_flag_that_changed_says_what_to_do_and_why_that_is_so(row: Flag) -> None:
    assert row.action
    assert re.search(r"#\d{5}|v1\.\d\d\.0 |KEP-\d{4}|kubernetes(/website)? [0-9a-f]{10}|component-base v0", row.source), row.source
    assert row.gone or row.planned or row.name == "runonce"


@pytest.mark.parametrize("row", FLAGS.values(), ids=lambda flag: flag.name)
def test_the_releases_of_a_flag_are_in_order(row: Flag) -> None:
    told = [release for release in (row.since, row.deprecated, row.gone, row.planned) if release is not None]
    assert told == sorted(told)
    assert all(15 <= release <= LAST + 1 for release in told)
    assert row.since is None or row.since > FIRST
    assert row.cleaned is None or (row.gone is not None and row.cleaned <= row.gone)


@pytest.mark.parametrize("refused", REFUSALS, ids=lambda refused: refused.flag or ".".join(refused.field))
def test_a_refusal_is_of_a_flag_or_field_that_is_known(refused: table.Refusal) -> None:
    assert refused.flag is None or refused.flag in FLAGS
    assert refused.field == () or refused.field[0] in FIELDS
    assert refused.flag or refused.field
    assert FIRST < refused.since <= LAST


def test_every_flag_of_the_real_kubelet_is_known_there_and_no_other() -> None:
    assert known_at(23) - HIDDEN == listed().keys()


def test_booleans_are_those_that_the_real_kubelet_lists_without_a_type() -> None:
    # pflag shows a quoted word of the description as the type
    kinds = ("-", "version[=true]", "RuntimeDefault")
    booleans = {name for name, (kind, _) in listed().items() if kind in kinds}
    assert {name for name in BOOLEANS if name in listed()} == booleans


def test_defaults_are_those_of_the_real_kubelet() -> None:
    real = listed()
    told: Mapping[str, str] = {flag.name: flag.default for flag in FLAGS.values() if flag.default and flag.name in real}
    assert {name: real[name][1] or ("false" if real[name][0] == "-" else "") for name in told if told[name] != "0"} == {
        name: default for name, default in told.items() if default != "0"
    }


@pytest.mark.parametrize(
    ("name", "minor", "since"),
    [("network-plugin", 23, None), ("network-plugin", 24, 24), ("container-runtime", 30, 27), ("v", 37, None), ("no-such", 37, None)],
)
def test_gone(name: str, minor: int, since: int | None) -> None:
    found = gone(name, minor)
    assert (found and found.gone) == since


@pytest.mark.parametrize(
    ("name", "value", "minor", "since"),
    [
        ("runonce", None, 31, None),
        ("runonce", None, 32, 32),
        ("runonce", "true", 37, 32),
        ("runonce", "false", 37, None),
        ("cloud-provider", "external", 37, None),
        ("cloud-provider", "", 37, None),
        ("cloud-provider", "aws", 32, 32),
        ("v", "4", 37, None),
    ],
)
def test_refusal(name: str, value: str | None, minor: int, since: int | None) -> None:
    found = refusal(name, value, minor)
    assert (found and found.since) == since


def test_refused_fields() -> None:
    config = {"runOnce": True, "memorySwap": {"swapBehavior": "UnlimitedSwap"}}
    assert [refused.field for refused in refused_fields(config, 30)] == [("memorySwap", "swapBehavior")]
    assert [refused.field for refused in refused_fields(config, 32)] == [("memorySwap", "swapBehavior"), ("runOnce",)]
    assert refused_fields({"runOnce": False, "memorySwap": {}}, 37) == ()
    assert refused_fields({"memorySwap": "LimitedSwap"}, 37) == ()


@pytest.mark.parametrize(
    ("name", "minor", "known"),
    [("containerRuntimeEndpoint", 26, False), ("containerRuntimeEndpoint", 27, True), ("cgroupDriver", 20, True), ("no", 37, False)],
)
def test_knows_field(name: str, minor: int, known: bool) -> None:
    assert knows_field(name, minor) is known


def kubelet() -> Path:
    built = next(CACHE.glob("kubernetes-1.23.17-*/kubelet"), None)
    if built is None:
        pytest.skip("no kubelet 1.23.17 was built; `make lab` builds it")
    return built


@pytest.mark.lab
def test_the_list_is_that_of_the_real_kubelet() -> None:
    told = subprocess.run([kubelet(), "--help"], capture_output=True, text=True, check=True).stdout
    assert flags_of(told) == listed()


@pytest.mark.lab
@pytest.mark.parametrize("row", [flag for flag in FLAGS.values() if flag not in table.STAYING or flag.since], ids=lambda flag: flag.name)
def test_the_real_kubelet_exits_on_what_is_gone_and_takes_the_rest(row: Flag) -> None:
    """It parses every flag before it prints its help."""
    known = row.name in known_at(23)
    done = subprocess.run(
        [kubelet(), f"--{row.name}={listed().get(row.name, ('', ''))[1]}", "--help"], capture_output=True, text=True, check=False
    )
    # a value that it cannot read is another complaint, and not the matter here
    assert (f"unknown flag: --{row.name}" in done.stderr) is not known
    assert known or done.returncode == 1
