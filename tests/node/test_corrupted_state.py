"""What a node kept is lost or garbled: it is rolled back truly, from what the machine shows, or needs attention. Never neither."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.plan.model import NodePlan
from migrate.plan.steps import ArmGuard, StartKubelet, StopKubelet, StopSource, WriteFile
from tests.node.scratch import SHELLS, Scratch, planned

Change = Callable[[Path], None]
ALL = {**SHELLS, "bash": ("bash",)}
OTHER = "run-0"
JUNK = b"\x00\xff\x1b[31m;rm -rf $(x) `y` \xc3\x28 08 -1 *\n"


@functools.cache
def small() -> NodePlan:
    """The captured worker's plan with what is needed to see a whole rollback: three files, the kubelet, the source, the guard."""
    plan, _ = planned()
    files = [one for one in plan.steps if isinstance(one.step, WriteFile)]
    kept = [one for one in plan.steps if isinstance(one.step, ArmGuard | StopKubelet | StopSource | StartKubelet)]
    kept += [files[0], files[1], files[-2]]
    return replace(plan, steps=tuple(one for one in plan.steps if one.segment == "drain" or one in kept))


def data(change: Callable[[bytes], bytes]) -> Change:
    return lambda path: (path.write_bytes(change(path.read_bytes())), None)[1]


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Change:
    return data(lambda text: b"".join(change(text.splitlines(keepends=True))))


def field(number: int, value: bytes, at: int = -1) -> Change:
    """A field of one line is another."""

    def change(every: list[bytes]) -> list[bytes]:
        words = every[at].split(b" ")
        words[number] = value + (b"\n" if number == len(words) - 1 else b"")
        every[at] = b" ".join(words)
        return every

    return lines(change)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def missing(path: Path) -> None:
    path.unlink()


LOST: dict[str, Change] = {
    "empty": data(lambda _: b""),
    "missing": missing,
    "a directory": folder,
    "nothing but NULs": data(lambda text: b"\0" * len(text)),
    "the second half is lost": lines(lambda every: every[: len(every) // 2]),
    "the first half is lost": lines(lambda every: every[len(every) // 2 :]),
    "the switch is lost": lines(lambda every: [line for line in every if b"finished - prepare" in line]),
}
JOURNAL: dict[str, Change] = LOST | {
    "torn": data(lambda text: text[:-7]),
    "torn after its first word": data(lambda text: text + b"99"),
    "NULs at its end": data(lambda text: text + b"\0" * 64),
    "NULs in its middle": lines(lambda every: [*every[:9], b"\0" * 64 + b"\n", *every[10:]]),
    "NULs in a line": lines(lambda every: [*every[:9], every[9].replace(b" ", b"\0 ", 1), *every[10:]]),
    "garbage first": data(lambda text: JUNK + text),
    "garbage in its middle": lines(lambda every: [*every[:9], JUNK, *every[9:]]),
    "garbage last": data(lambda text: text + JUNK),
    "an empty line": lines(lambda every: [*every[:9], b"\n", *every[9:]]),
    "one line is lost": lines(lambda every: every[:9] + every[10:]),
    "sequence 08": field(0, b"08"),
    "sequence 08 first": field(0, b"08", 0),
    "a huge sequence": field(0, b"999999999", 9),
    "a sequence of 20 digits": field(0, b"9" * 20),
    "a negative sequence": field(0, b"-1"),
    "a sum as sequence": field(0, b"1+1"),
    "a word as generation": field(1, b"abc"),
    "a huge generation": field(1, b"9" * 30, 9),
    "a word as time": field(2, b"now"),
    "an event that is none": field(3, b"gone", 9),
    "a word as index": field(4, b"x", 9),
    "index 007": field(4, b"007", 9),
    "an index beyond the steps": field(4, b"99", 9),
    "the kind of another step": field(5, b"mystery", 9),
    "the last line twice": lines(lambda every: [*every, every[-1]]),
    "all of it twice": data(lambda text: text + text),
    "in reverse": lines(lambda every: every[::-1]),
    "line ends of another system": data(lambda text: text.replace(b"\n", b"\r\n")),
    "it tells of a rollback that never was": data(lambda text: text + b"900 1 1700000000.00 rolled-back - -\n"),
}
NUMBER: dict[str, Change] = {
    "empty": data(lambda _: b""),
    "missing": missing,
    "a directory": folder,
    "NULs": data(lambda _: b"\0\0\0\0"),
    "a word": data(lambda _: b"abc\n"),
    "08": data(lambda _: b"08\n"),
    "a huge one": data(lambda _: b"999999999\n"),
    "20 digits": data(lambda _: b"9" * 20 + b"\n"),
    "negative": data(lambda _: b"-5\n"),
    "a command": data(lambda _: b"$(touch /tmp/x)\n"),
}
OWNER: dict[str, Change] = {
    "empty": data(lambda _: b""),
    "missing": missing,
    "a directory": folder,
    "NULs": data(lambda _: b"\0\0\0\0"),
    "a path": data(lambda _: b"../../etc\n"),
    "a run that is not here": data(lambda _: b"run-77\n"),
    "junk": data(lambda _: JUNK),
}
STEPS: dict[str, Change] = {
    "empty": data(lambda _: b""),
    "missing": missing,
    "a directory": folder,
    "truncated": lines(lambda every: every[:5]),
    "torn": data(lambda text: text[:-20]),
    "NULs": data(lambda text: b"\0" * len(text)),
    "the last line twice": lines(lambda every: [*every, every[-1]]),
    "another path": data(lambda text: text.replace(b"/etc/containerd/config.toml", b"/etc/passwd")),
}
NOTED: dict[str, Change] = {key: STEPS[key] for key in ("empty", "missing", "torn")} | {"junk": data(lambda _: JUNK)}
CASES = {
    **{f"journal: {name}": ("journal", change) for name, change in JOURNAL.items()},
    **{f"generation: {name}": ("../generation", change) for name, change in NUMBER.items()},
    **{f"current: {name}": ("../current", change) for name, change in OWNER.items()},
    **{f"steps: {name}": ("steps", change) for name, change in STEPS.items()},
    **{f"steps.sha256: {name}": ("steps.sha256", STEPS[name]) for name in ("empty", "missing")},
    **{f"found-units: {name}": ("found-units", change) for name, change in NOTED.items()},
    **{f"found-driver: {name}": ("found-driver", change) for name, change in NOTED.items() if name != "torn"},
}


class Made:
    """A node in one state, to be copied, and how it was before."""

    def __init__(self, root: Path, *verbs: tuple[str, ...], kill_at: int = 0) -> None:
        self.node = Scratch(root, plan=small(), simulated="sleep() { :; }")
        self.tree, self.state = self.node.tree(), self.node.state()
        assert self.node.verb("forward", "prepare").code == 0
        self.prepared = self.node.state()
        for verb in verbs:
            ended = self.node.verb(*verb, kill_at=kill_at)
            assert ended.code in (0, -9), ended.out

    def copied(self, root: Path, shell: str) -> Scratch:
        shutil.copytree(self.node.root, root, symlinks=True)
        node = Scratch(root, ALL[shell], plan=small(), made=True)
        if (made := node.run / "made").exists():
            made.write_text(made.read_text().replace(str(self.node.root), str(root)))
        return node

    def ends(self, node: Scratch, verb: str = "rollback") -> str:
        """Roll it back: it is restored truly, or told to need attention; which of both, or what is neither."""
        assert node.verb("status").err == ""
        ended = node.verb(verb)
        if ended.code == 7 and "restore.sh --force" in ended.out:  # pods may be there
            ended = node.verb(verb, "--force")
        if ended.err:
            return f"said {ended.err}"
        if ended.code == 6 and "needs attention: " in ended.out and node.status()["state"] == "needs-attention":
            return "needs attention"
        now = node.state()
        differs = [key for key in ("units", "enabled", "marker", "volatile") if now[key] != self.state[key]]
        if (ended.code, differs, now["current"], node.tree() == self.tree) == (0, [], False, True):
            return "restored"
        return f"exit code {ended.code}, {differs}, {ended.out}"


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("switched") / "root", ("forward", "switch"))


def everywhere(made: Made, tmp_path: Path, name: str, change: Change, verb: str = "rollback") -> dict[str, str]:
    """How it ends in each shell."""

    def one(shell: str) -> tuple[str, str]:
        node = made.copied(tmp_path / shell, shell)
        change((node.run / name).resolve())
        return shell, made.ends(node, verb)

    with ThreadPoolExecutor(len(ALL)) as pool:
        return dict(pool.map(one, ALL))


@pytest.mark.parametrize("name", CASES)
def test_it_is_restored_or_needs_attention(name: str, switched: Made, tmp_path: Path) -> None:
    path, change = CASES[name]
    unknown = path.startswith("steps") or name == "found-driver: junk"
    assert everywhere(switched, tmp_path, path, change) == dict.fromkeys(ALL, "needs attention" if unknown else "restored")


@pytest.mark.parametrize("name", ["empty", "a directory", "sequence 08", "a word as generation", "garbage last"])
def test_the_guard_does_the_same(name: str, switched: Made, tmp_path: Path) -> None:
    assert everywhere(switched, tmp_path, "journal", JOURNAL[name], "guard") == dict.fromkeys(ALL, "restored")


@pytest.mark.parametrize("name", ["empty", "missing", "the switch is lost"])
def test_a_node_that_was_acknowledged_asks_for_the_drain(name: str, tmp_path: Path) -> None:
    made = Made(tmp_path / "made", ("forward", "switch"), ("disarm",), ("mark", "uncordoning"))
    node = made.copied(tmp_path / "asked", "dash")
    JOURNAL[name](node.run / "journal")
    ended = node.verb("rollback")
    assert (ended.code, "drain it first" in ended.out) == (7, True), ended.out
    assert made.ends(node) == "restored"


@pytest.mark.parametrize("at", [4, 9, 15])
def test_the_journal_is_lost_inside_the_switch(at: int, tmp_path: Path) -> None:
    made = Made(tmp_path / "made", ("forward", "switch"), kill_at=at)
    assert everywhere(made, tmp_path, "journal", missing) == dict.fromkeys(ALL, "restored")


def test_a_rollback_without_a_journal_leaves_nothing_in_doubt(switched: Made, tmp_path: Path) -> None:
    node = switched.copied(tmp_path / "node", "dash")
    missing(node.run / "journal")
    assert (node.status()["state"], switched.ends(node)) == ("needs-attention", "restored")
    assert {key: node.status()[key] for key in ("state", "doubt")} == {"state": "rolled-back", "doubt": ""}


def test_a_journal_that_is_lost_after_prepare_disturbs_nothing(tmp_path: Path) -> None:
    made = Made(tmp_path / "made")
    node = made.copied(tmp_path / "node", "dash")
    missing(node.run / "journal")
    started = node.read("/.state/start-kubelet.service")
    assert made.ends(node) == "restored"
    assert node.read("/.state/start-kubelet.service") == started


def test_forward_does_not_go_on_with_a_journal_that_lacks_something(switched: Made, tmp_path: Path) -> None:
    for name, change in LOST.items():
        node = switched.copied(tmp_path / name, "dash")
        change(node.run / "journal")
        ended = node.verb("forward", "switch")
        assert (ended.code, ended.err) == (7, ""), name
        assert "roll back with: sh" in ended.out, name


def test_another_run_that_is_here_owns_the_node(switched: Made, tmp_path: Path) -> None:
    node = switched.copied(tmp_path / "node", "dash")
    shutil.copytree(node.run, node.run.parent / OTHER)
    (node.run.parent / "current").write_text(f"{OTHER}\n")
    ended = node.verb("rollback")
    assert (ended.code, f"run {OTHER} owns this node" in ended.out) == (7, True)


def test_what_was_taken_out_is_kept_and_told(switched: Made, tmp_path: Path) -> None:
    node = switched.copied(tmp_path / "node", "dash")
    before = (node.run / "journal").read_bytes() + JUNK
    (node.run / "journal").write_bytes(before)
    assert "doubt=line " in node.verb("status").out
    assert node.verb("rollback").code == 0
    assert (node.run / "journal.broken").read_bytes() == before
    told = [entry.text for entry in node.entries() if entry.event == "broken"]
    assert told == [f"the journal was broken, as it was it lies in {node.run}/journal.broken"]
    assert (node.status()["state"], node.status()["doubt"]) == ("rolled-back", "")
