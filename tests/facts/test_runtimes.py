"""Every runtime: what is made of real and of synthetic captures, whole; and that nothing a node prints breaks or floods it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.facts.capture import TIMED_OUT, Capture, CommandReading, load
from migrate.facts.node import facts_from
from migrate.facts.runtime_table import RUNTIMES
from migrate.facts.runtimes import KubernetesUse, Role, Running, Runtime, inside
from migrate.facts.values import Unreadable
from migrate.targets import Target
from migrate.targets.table import TARGETS

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "runtimes"
NAMES = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())
BOUND = 1024 * 1024  # bytes of all that is kept of one machine's runtimes


def capture(name: str) -> Capture:
    (path,) = (FIXTURES / name).glob("*.capture.json")
    return load(path.read_text("utf-8"))


def runtimes(name: str) -> dict[str, Runtime]:
    return {runtime.name: runtime for runtime in facts_from(capture(name)).runtimes}


def text_of(name: str) -> str:
    """All that the facts say of the runtimes, a line each."""
    facts = facts_from(capture(name))
    lines = [f"inside: {facts.inside}"]
    for runtime in facts.runtimes:
        daemon = {None: "no daemon", True: "its daemon runs", False: "its daemon does not run"}[runtime.active]
        lines.append(
            f"\n{runtime.name} {runtime.version or '(version unknown)'}: {runtime.role}; Kubernetes uses it: {runtime.kubernetes}; {daemon}"
        )
        lines += [f"  seen: {evidence}" for evidence in runtime.evidence]
        lines += [f"  serves {socket}" for socket in runtime.sockets]
        lines += [f"  speaks to {link.to} ({link.how}){'' if link.default else ', when asked for'}" for link in runtime.links]
        if isinstance(runtime.runs, Unreadable):
            lines.append(f"  UNREADABLE {runtime.runs.what}: {runtime.runs.reason}")
        else:
            lines += [f"  {of.kind} {of.name}: {of.state}{f', for {of.owner}' if of.owner else ''}" for of in runtime.runs]
        lines += [f"  note: {note}" for note in runtime.notes]
    return "\n".join(lines) + "\n"


def test_the_table_names_each_runtime_once_and_the_found_ones_stand_in_it() -> None:
    names = [known.name for known in RUNTIMES]
    assert len(names) == len(set(names))
    roles = {known.name: known.role for known in RUNTIMES}
    found = {runtime.name: runtime.role for name in NAMES for runtime in runtimes(name).values()}
    # a private containerd is named by its owner, an OCI runtime that only a configuration names by its program
    others = {name for name in found if name not in roles}
    assert {name for name in others if found[name] is not Role.OCI and not name.startswith("containerd (")} == set()
    assert {name: role for name, role in found.items() if name not in others} == {name: roles[name] for name in found if name in roles}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_target_is_called_and_reached_as_the_table_says(target: Target) -> None:
    known = next(known for known in RUNTIMES if known.name == target.runtime)
    assert target.title.startswith(known.title)
    assert target.prefix == known.prefix
    assert target.unit in known.units
    assert target.program in known.programs
    assert target.socket.replace("/var/run/", "/run/") in known.sockets


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_is_made_of_a_capture(name: str, update_goldens: bool) -> None:
    path = FIXTURES / name / "expected.txt"
    if update_goldens:
        path.write_text(text_of(name), "utf-8")
    assert text_of(name) == path.read_text("utf-8"), f"{path} is not in step: --update-goldens, and read the diff"


def test_each_runtime_of_the_zoo_is_found_with_what_runs_and_what_is_only_kept() -> None:
    found = runtimes("debian12-running")
    own = {
        name: {(of.name, of.state) for of in runtime.runs if of.owner is None}
        for name, runtime in found.items()
        if isinstance(runtime.runs, tuple)
    }
    assert own["podman"] == {("zoo-podman", "running"), ("zoo-podman-idle", "stopped")}
    assert own["crun"] == {("zoo-crun", "running")}
    assert own["runc"] == {("zoo-runc", "running")}
    assert own["gvisor"] == {("zoo-runsc", "running")}
    assert own["LXC"] == {("zoo-lxc", "running"), ("zoo-lxc-idle", "stopped")}
    assert own["LXD"] == {("zoo-lxd", "running"), ("zoo-lxd-idle", "stopped")}
    assert own["systemd-nspawn"] == {("zoo-nspawn", "running"), ("zoo-nspawn-idle", "stopped")}
    assert own["qemu"] == {("zoo-qemu", "running")}
    assert own["libvirt"] == {("zoo-domain", "paused"), ("zoo-domain-idle", "stopped")}
    (task,) = found["docker swarm"].live
    assert task.name.startswith("zoo-swarm.1.")
    chain = {name for name, runtime in found.items() if runtime.kubernetes.now}
    assert chain == {"dockershim", "docker", "containerd", "runc"}


def test_an_idle_zoo_runs_nothing_and_has_the_same_versions() -> None:
    idle, running = runtimes("debian12-idle"), runtimes("debian12-running")
    assert {name: runtime.version for name, runtime in running.items()} == {name: runtime.version for name, runtime in idle.items()} | {
        "docker swarm": "20.10.24+dfsg1"
    }
    used = {"dockershim", "docker", "containerd", "runc"}
    assert {name: runtime.runs for name, runtime in idle.items() if name not in used} == dict.fromkeys(idle.keys() - used, ())


def test_an_older_capture_says_that_it_was_not_asked() -> None:
    whole = capture("debian12-running")
    commands = {key: value for key, value in whole.commands.items() if not key.startswith("runtime ")}
    facts = facts_from(dataclasses.replace(whole, commands=commands))
    assert {runtime.name: runtime.runs for runtime in facts.runtimes if isinstance(runtime.runs, Unreadable)} == dict.fromkeys(
        ("LXC", "LXD", "libvirt", "systemd-nspawn"), Unreadable("runtime entries", "the capture does not hold it")
    )
    assert [unreadable.what for unreadable in facts.unreadable if unreadable.what.startswith("runtime ")] == []


@pytest.mark.parametrize(
    ("key", "names"),
    [("runtime entries", {"LXC", "LXD", "libvirt", "systemd-nspawn"}), ("runc list", {"runc"}), ("runsc list", {"gvisor"})],
)
def test_a_list_that_could_not_be_read_is_no_empty_list(key: str, names: set[str]) -> None:
    whole = capture("debian12-running")
    slow = CommandReading(TIMED_OUT, b"/var/lib/lxc/x\n")
    facts = facts_from(dataclasses.replace(whole, commands={**whole.commands, key: slow}))
    wrong = Unreadable(key, "it timed out")
    assert {runtime.name: runtime.runs for runtime in facts.runtimes if isinstance(runtime.runs, Unreadable)} == dict.fromkeys(names, wrong)
    assert wrong in facts.unreadable


def test_docker_that_does_not_answer_is_not_idle() -> None:
    whole = capture("debian12-running")
    off = CommandReading(0, skipped="docker.service is not active")
    commands = {**whole.commands, **dict.fromkeys(("docker info", "docker version", "docker containers"), off)}
    found = {runtime.name: runtime for runtime in facts_from(dataclasses.replace(whole, commands=commands)).runtimes}
    assert found["docker"].runs == Unreadable("docker containers", "Docker does not run or did not answer")
    assert found["docker"].live == ()
    assert found["dockershim"].runs == found["docker"].runs


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("none", "no container and no virtual machine"),
        ("docker", "a Docker container"),
        ("openvz", "an OpenVZ or Virtuozzo container"),
        ("systemd-nspawn", "a systemd-nspawn container"),
        ("kvm", "a virtual machine of KVM"),
        ("newcomer", "a virtual machine of newcomer"),
        ("", "unknown: systemd-detect-virt did not say"),
    ],
)
def test_what_the_machine_itself_is(word: str, said: str) -> None:
    assert inside(word) == said


def test_only_what_has_processes_is_live() -> None:
    states = ("running", "paused", "restarting", "stopped", "created", "exited", "suspended")
    runs = tuple(Running(state, "container", state) for state in states)
    podman = dataclasses.replace(runtimes("debian12-idle")["podman"], runs=runs)
    assert [of.name for of in podman.live] == ["running", "paused", "restarting"]
    assert [use.now for use in KubernetesUse] == [True, True, False, False]


def test_a_thousand_containers_are_counted_and_not_all_kept() -> None:
    whole = capture("debian12-idle")
    lines = "".join(f"/var/lib/lxc/c{number}\n" for number in range(1000)) + "/var/lib/lxc/zz\n"
    processes = whole.commands["processes"].text + "99999 [lxc monitor] /var/lib/lxc zz\n"
    commands = {
        **whole.commands,
        "runtime entries": CommandReading(0, lines.encode()),
        "processes": CommandReading(0, processes.encode()),
    }
    lxc = next(runtime for runtime in facts_from(dataclasses.replace(whole, commands=commands)).runtimes if runtime.name == "LXC")
    assert isinstance(lxc.runs, tuple)
    assert (len(lxc.runs), lxc.runs[0], lxc.notes) == (200, Running("zz", "container", "running"), ("801 more are not listed",))


# every answer that the runtimes are read from
KEYS = sorted(
    {"processes", "shims", "runtime entries", "runtime state", "vzlist", "runc list", "crun list", "runsc list", "crio config"}
    | {key for name in NAMES for key in capture(name).commands if key.endswith(" version") and key not in ("docker version",)}
)
ESCAPES = b"\x1b[2J\x1b]0;owned\x07\x9b31m\xe2\x80\xae\x00"


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [
        text for item in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()) for text in strings(item)
    ]


def check_what_is_kept(found: tuple[Runtime, ...]) -> None:
    plain = msgspec.json.decode(msgspec.json.encode(found))
    assert len(msgspec.json.encode(found)) < BOUND
    for text in strings(plain):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), repr(text)
        assert len(text) <= 600


def answers() -> st.SearchStrategy[bytes]:
    """Bytes of any kind, and real answers that were cut, doubled, or had escapes and random bytes put into them."""
    real = sorted({reading.stdout for name in NAMES for key, reading in capture(name).commands.items() if key in KEYS and reading.stdout})
    cut = st.tuples(st.sampled_from(real), st.integers(0, 6000)).map(lambda pair: pair[0][: pair[1]])
    spoiled = st.tuples(st.sampled_from(real), st.integers(0, 6000), st.one_of(st.just(ESCAPES), st.binary(max_size=40))).map(
        lambda three: three[0][: three[1]] + three[2] + three[0][three[1] :]
    )
    return st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")), cut, spoiled)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(KEYS), answers(), min_size=1, max_size=6), st.sampled_from((0, 0, 1, 2)))
def test_hostile_answers_neither_break_nor_reach_a_text(name: str, changed: dict[str, bytes], code: int) -> None:
    whole = capture(name)
    commands = {**whole.commands, **{key: CommandReading(code, text) for key, text in changed.items()}}
    facts = facts_from(dataclasses.replace(whole, commands=commands))
    check_what_is_kept(facts.runtimes)


def escaped(text: bytes, place: int) -> bytes:
    """The text with escapes behind that word of every line; a line with fewer words stays as it is."""
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        ends = [word.end() for word in re.finditer(rb"\w+", line)]
        if place < len(ends):
            lines[number] = line[: ends[place]] + ESCAPES + line[ends[place] :]
    return b"\n".join(lines)


@pytest.mark.parametrize("name", NAMES)
def test_an_escape_behind_any_word_reaches_no_text(name: str) -> None:
    """In every line of every answer at once: behind its first word, its second, and so on."""
    whole = capture(name)
    for place in range(40):
        commands = {
            key: dataclasses.replace(reading, stdout=escaped(reading.stdout, place)) if key in KEYS else reading
            for key, reading in whole.commands.items()
        }
        check_what_is_kept(facts_from(dataclasses.replace(whole, commands=commands)).runtimes)


def test_names_that_docker_tells_are_cleaned() -> None:
    whole = capture("debian12-running")
    said = whole.commands["docker containers"].text
    assert '"name":"/zoo-swarm' in said
    info = whole.commands["docker info"].text.replace(
        '"runc":{"path":"runc"}', '"x\\u001b[2J":{"path":"/bin/y\\u009b31m"},"runc":{"path":"runc"}'
    )
    assert "u009b" in info
    commands = {
        **whole.commands,
        "docker containers": CommandReading(0, said.replace('"name":"/zoo-', '"name":"/\\u001b]0;owned\\u0007zoo-').encode()),
        "docker info": CommandReading(0, info.encode()),
    }
    found = {runtime.name: runtime for runtime in facts_from(dataclasses.replace(whole, commands=commands)).runtimes}
    check_what_is_kept(tuple(found.values()))
    assert {"y", "runc"} <= {link.to for link in found["docker"].links}


@pytest.mark.parametrize("key", [key for key in KEYS if not key.endswith(" version")])
@pytest.mark.parametrize("separator", [b"\n", b" "])
def test_a_huge_answer_is_not_kept(key: str, separator: bytes) -> None:
    line = capture("debian12-running").commands["processes"].stdout.splitlines()[-1] + ESCAPES + b"x" * 3000
    huge = separator.join(b"%d " % number + line for number in range(5000))
    assert len(huge) > 16_000_000
    whole = capture("debian12-running")
    facts = facts_from(dataclasses.replace(whole, commands={**whole.commands, key: CommandReading(0, huge)}))
    check_what_is_kept(facts.runtimes)


def test_no_planted_secret_is_in_a_fixture() -> None:
    secrets = msgspec.json.decode((FIXTURES.parents[1] / "tests" / "lab" / "secrets.json").read_bytes(), type=list[str])
    for path in FIXTURES.rglob("*.*"):
        assert [secret for secret in secrets if secret in path.read_text("utf-8")] == [], path
