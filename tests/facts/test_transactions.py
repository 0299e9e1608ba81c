"""Simulated installations: what is made of every captured answer, whole; nothing a node prints breaks it or becomes a shorter list."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.facts.package_managers import INSTALLED, MANAGERS, OWNED_BY_NONE, question
from migrate.facts.parse.transaction import LONGEST, transaction
from migrate.facts.transaction import Change, Transaction
from migrate.facts.values import Unreadable

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "transactions"
NAMES = sorted(path.name for path in FIXTURES.glob("*-*.txt"))
SHELLS = [words for words in (("dash",), ("busybox", "ash")) if shutil.which(words[0])]


def code_of(name: str) -> int:
    return int(name.split(".")[-2])


def captured(case: str) -> tuple[str, int]:
    (path,) = FIXTURES.glob(f"{case}.*.txt")
    return path.read_text("utf-8"), code_of(path.name)


def known(case: str) -> Transaction:
    found = transaction(*captured(case))
    assert isinstance(found, Transaction), found
    return found


def text_of(name: str) -> str:
    found = transaction((FIXTURES / name).read_text("utf-8"), code_of(name))
    lines = [name]
    if isinstance(found, Unreadable):
        return "\n".join((*lines, f"  UNREADABLE {found.what}: {found.reason}"))
    lines += [
        f"  {change.name}: {change.before or '-'} -> {change.after or '-'}{' HELD' if change.name in found.held else ''}"
        for change in found.changes
    ]
    lines += [f"  problem: {found.problem}"] if found.problem else []
    return "\n".join(lines if len(lines) > 1 else (*lines, "  nothing to do"))


def test_everything_that_is_made_of_the_answers(update_goldens: bool) -> None:
    path, made = FIXTURES / "expected.txt", "\n\n".join(map(text_of, NAMES)) + "\n"
    if update_goldens:
        path.write_text(made, "utf-8")
    assert made == path.read_text("utf-8"), f"{path} is not in step: --update-goldens, and read the diff"


def test_every_answer_of_a_manager_is_understood() -> None:
    assert [name for name in NAMES if isinstance(transaction((FIXTURES / name).read_text("utf-8"), code_of(name)), Unreadable)] == []


def test_an_upgrade_has_its_version_before_with_every_manager() -> None:
    upgrade = {
        "apt": Change("conmon", "2.0.25+ds1-1", "2.1.2~0"),
        "dnf": Change("conmon", "2:2.0.26-1.el8", "2:2.1.2-2.22.el8"),
        "synthetic-yum": Change("conmon", "2:2.0.26-1.el7", "2:2.1.2-2.22.el7"),
        "zypper": Change("conmon", "2:2.0.26-1.el8", "2:2.1.2-2.22.el8"),
    }
    for manager, change in upgrade.items():
        assert change in known(f"{manager}-new-and-upgrade").changes


def test_what_would_remove_docker_says_so() -> None:
    assert known("apt-removes-docker").removed == ("containerd.io", "docker-ce")
    assert known("dnf-obsoletes-docker").removed == ("containerd", "docker")
    assert known("zypper-obsoletes-docker").removed == ("containerd", "docker")
    assert known("synthetic-yum-obsoletes-docker").removed == ("docker",)


def test_a_package_that_was_left_half_way_would_be_configured_now() -> None:
    assert Change("containers-common", "100:1-22", "100:1-22") in known("apt-not-configured").changes


def test_a_row_that_is_lost_is_not_a_shorter_list() -> None:
    for case, row in (
        ("apt-new", "Inst conmon (2.1.2~0 localhost [amd64])\n"),
        ("apt-removes-docker", "Remv docker-ce [5:20.10.23~3-0~debian-bookworm]\n"),
        ("dnf-new", " conmon              x86_64  2:2.1.2-2.22.el8      devel_kubic_libcontainers_stable_cri-o_1.23  6.3 k\n"),
        (
            "zypper-obsoletes-docker",
            '<solvable type="package" name="docker" edition="2:1.13.1-209.git7d71120.el7" arch="x86_64" summary="docker">\n',
        ),
    ):
        text, code = captured(case)
        assert row in text
        lost = transaction(text.replace(row, ""), code)
        assert isinstance(lost, Unreadable), case
        assert "its sum is another" in lost.reason


def test_an_upgrade_of_what_rpm_does_not_list_is_not_a_new_package() -> None:
    text, code = captured("dnf-new-and-upgrade")
    found = transaction(text.replace("conmon x86_64 2:2.0.26-1.el8\n", ""), code)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith("conmon would change, and rpm does not list it; exit code 1: Last metadata expiration check")


@pytest.mark.parametrize("declared", ['<!DOCTYPE stream [<!ENTITY a "b">]>', "<!ENTITY % a SYSTEM 'file:///etc/shadow'>"])
def test_an_xml_text_that_declares_entities_is_refused(declared: str) -> None:
    text, code = captured("zypper-new")
    found = transaction(text.replace("<stream>", f"{declared}<stream>"), code)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith("it declares entities, which zypper never does; exit code 0: <?xml")


def test_a_problem_is_one_clean_line_of_bounded_length_without_secrets() -> None:
    found = transaction("apt\nE: \x1b[31mhttps://ann:s3cretword@repo.example.com\x07 failed\r\n" + "E: more\n" * 1000, 100)
    assert isinstance(found, Transaction)
    assert found.changes == ()
    assert len(found.problem) == LONGEST
    assert found.problem.isprintable()
    assert "s3cretword" not in found.problem
    assert found.problem.startswith("E: ")


def test_no_manager_is_unreadable() -> None:
    none = "none of apt, dnf, yum, zypper is on this machine"
    assert transaction("", OWNED_BY_NONE) == Unreadable("package manager", none)
    assert transaction("sh: syntax error\n", 2) == Unreadable("package manager", "exit code 2: sh: syntax error")
    assert transaction("dnf\n", 137) == Unreadable(
        "simulated installation by dnf", "neither changes nor an error; exit code 137: no message"
    )


@given(st.sampled_from(NAMES), st.integers(0, 6000), st.binary(max_size=40), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_whatever_a_node_prints_is_a_value(name: str, at: int, put: bytes, code: int) -> None:
    data = (FIXTURES / name).read_bytes()
    found = transaction((data[:at] + put + data[at + len(put) :]).decode("utf-8", "replace"), code)
    assert isinstance(found, Transaction | Unreadable)


def test_a_manager_is_looked_for_once_and_its_words_ask_nothing() -> None:
    assert list(MANAGERS) == ["apt", "dnf", "yum", "zypper"]
    words = MANAGERS["apt"].simulate(["cri-o", "a b;reboot"])
    assert words == "LC_ALL=C apt-get -s -q --no-install-recommends -o APT::Install-Suggests=false install -- cri-o 'a b;reboot'"
    assert all(manager.simulate(["x"]).startswith("LC_ALL=C ") for manager in MANAGERS.values())
    with pytest.raises(dataclasses.FrozenInstanceError):
        MANAGERS["apt"].name = "other"  # type: ignore[misc]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_nothing_in_the_question() -> None:
    checked = subprocess.run(
        ["shellcheck", "-s", "sh", "-"], input=question(["cri-o", "it's"]), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout) == (0, "")


def run(shell: tuple[str, ...], script: str, path: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which(shell[0]) or shell[0]
    return subprocess.run([program, *shell[1:], "-c", script], env={"PATH": str(path)}, capture_output=True, text=True, check=False)


# busybox takes an `rpm` of its own before the one in PATH
@pytest.mark.parametrize(
    ("case", "shell"),
    [("dnf-new-and-upgrade", SHELLS[0]), ("dnf-all-there", SHELLS[0]), ("synthetic-yum-unknown", SHELLS[0])]
    + [("zypper-conflict-containerd", shell) for shell in SHELLS],
)
def test_the_question_answers_with_the_managers_own_output_and_exit_code(case: str, shell: tuple[str, ...], tmp_path: Path) -> None:
    """A manager that prints a capture: its name comes first, stderr is among stdout, it is asked with no input, the list of rpm follows."""
    script = question(["cri-o"]).replace("/var/lib/dpkg/status", str(tmp_path / "status"))
    text, code = captured(case)
    name, _, rest = text.partition("\n")
    printed, _, listed = rest.partition(f"{INSTALLED}\n")
    (tmp_path / "printed").write_text(printed, "utf-8")
    (tmp_path / "listed").write_text(listed, "utf-8")
    for program, body in {
        name: f'read -r answer && exit 99\n[ "$LC_ALL" = C ] || exit 98\ncat {tmp_path}/printed >&2\nexit {code}',
        "rpm": f"cat {tmp_path}/listed",
        "cat": 'exec /bin/cat "$@"',
    }.items():
        (tmp_path / program).write_text(f"#!/bin/sh\n{body}\n", "utf-8")
        (tmp_path / program).chmod(0o755)
    ran = run(shell, script, tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, text, "")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_machine_without_a_manager_says_so(shell: tuple[str, ...], tmp_path: Path) -> None:
    script = question(["cri-o"]).replace("/var/lib/dpkg/status", str(tmp_path / "status"))
    ran = run(shell, script, tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (OWNED_BY_NONE, "", "")


@pytest.mark.parametrize(
    "digits", ["٣" * 4401, "1" * 4401, "²", "٣"], ids=["thousands of another script", "thousands", "superscript", "another script"]
)
def test_a_sum_that_is_no_number_of_packages_is_none(digits: str) -> None:
    lines = [name for name in NAMES if name.startswith(("apt-", "dnf-", "yum-"))]
    for name in lines:
        text = re.sub(
            r"(?m)(^|\( *\+|\s)\d+( upgraded|  ?Packages?\b| Dependent)", rf"\g<1>{digits}\2", (FIXTURES / name).read_text("utf-8")
        )
        found = transaction(text, code_of(name))
        assert text == (FIXTURES / name).read_text("utf-8") or isinstance(found, Unreadable) or found.problem, name
