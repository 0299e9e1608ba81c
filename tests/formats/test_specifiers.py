"""Specifiers of unit files, and systemd itself as the judge of which letters it refuses."""

import re
import shutil
import string
import subprocess

import pytest

from migrate.formats import unit_file
from migrate.formats.specifiers import UNKNOWN, Resolved, resolve

PROXY = "HTTP_PROXY=http://corp%%5Cjd:a_%%2F_x%%23@proxy.example:8080/"


@pytest.mark.parametrize(
    ("text", "systemd", "found"),
    [
        ("plain", 252, Resolved("plain")),
        (PROXY, 252, Resolved("HTTP_PROXY=http://corp%5Cjd:a_%2F_x%23@proxy.example:8080/")),
        (PROXY, 219, Resolved("HTTP_PROXY=http://corp%5Cjd:a_%2F_x%23@proxy.example:8080/")),
        ("P%40rd", 252, None),
        ("P%40rd", 0, None),
        ("P%40rd", 235, Resolved("P%40rd")),
        ("a%%40b%40", 252, None),
        ("100%", 252, Resolved("100%")),
        ("a%-b", 252, Resolved("a%-b")),
        ("host=%H", 252, Resolved("host=%H", "%H")),
        ("%%H", 252, Resolved("%H")),
    ],
)
def test_what_systemd_takes(text: str, systemd: int, found: Resolved | None) -> None:
    assert resolve(text, systemd) == found


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_refuses_the_letters_that_no_release_knows(tmp_path) -> None:
    letters = string.ascii_letters + string.digits
    lines = [f'Environment="V{index}=%{letter}"' for index, letter in enumerate(letters)]
    unit = tmp_path / "x.service"
    unit.write_text("\n".join(["[Service]", "ExecStart=/bin/true", *lines, ""]))
    said = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False).stderr
    assert set(re.findall(r"=%(\w), ignoring", said)) >= UNKNOWN


def test_environment_lines_that_systemd_ignores_are_told_by_name() -> None:
    text = '[Service]\nEnvironment="A=x%40y" "B=1%%2"\nEnvironment=A=2 C=%H\n'
    unit = unit_file.merge(("/u", text))
    assert unit_file.environment(unit, 252) == (
        unit_file.UnitVariable("B", "1%2", "/u", 2),
        unit_file.UnitVariable("A", "2", "/u", 3),
        unit_file.UnitVariable("C", "%H", "/u", 3, "%H"),
    )
    assert unit_file.ignored(unit, 252) == (unit_file.Ignored("A", "/u", 2),)
    assert unit_file.ignored(unit, 219) == ()
