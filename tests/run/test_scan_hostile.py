"""Nothing that a tree of files holds is an order: only regular files below it are opened, and none takes longer than it may."""

from __future__ import annotations

import io
import os
import re
import threading
import time
from pathlib import Path

import pytest

from migrate.rules.ground import Ground
from migrate.rules.scan import Scan
from migrate.run.limit import TooLong, limited
from migrate.run.render import Renderers
from migrate.run.scan import Files
from migrate.run.walk import LeftOut
from migrate.targets.table import target_named
from tests.cli.test_scan import PRIVILEGED, SOCKET

BANNER = f"{'#' * 78}\n# Copyright the maintainers\n{'#' * 78}\nservices:\n  image: docker:dind\n  x: {{{{ values }}\n"
OUTSIDE = "a planted word: hunter2\n"


def scanned(path: Path, *, helm: str = "", seconds: float = 10.0, gitignore: bool = False) -> Files:
    """What a scan of a path finds; `helm` is what a program of that name runs."""
    target = target_named("containerd")
    assert target is not None
    programs = path.parent / "programs"
    programs.mkdir()
    if helm:
        (programs / "helm").write_text(f"#!/bin/sh\n{helm}\n")
        (programs / "helm").chmod(0o755)
    renderers = Renderers(environ={"PATH": f"{programs}:/usr/bin:/bin"})
    found = Files(Scan(Ground(target)), renderers, LeftOut(gitignore=gitignore), seconds=seconds)
    found.paths([str(path)], io.BytesIO())
    return found


def places(found: Files) -> list[str]:
    """Every place that is told, with its code."""
    every = (*found.scan.findings, *(finding for judged in found.scan.workloads for finding in judged.findings))
    return sorted(f"{finding.location.path}:{finding.location.line} {finding.code}" for finding in every if finding.location)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "outside.yaml").write_text(OUTSIDE + SOCKET)
    (tmp_path / "tree" / "templates").mkdir(parents=True)
    return tmp_path / "tree"


def test_a_comment_banner_before_text_that_is_no_yaml(tree: Path) -> None:
    (tree / "banner.yaml").write_text(BANNER)
    began = time.process_time()
    assert scanned(tree).unreadable == []
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "name", ["../../outside.yaml", "/etc/passwd", "templates/../../outside.yaml", "templates/link.yaml", "pipe.yaml", ""]
)
def test_names_in_rendered_output_are_only_names(tree: Path, name: str) -> None:
    (tree / "Chart.yaml").write_text("name: x\n")
    (tree / "templates" / "a.yaml").write_text(PRIVILEGED)
    found = scanned(tree, helm=f"echo '---'; echo '# Source: x/{name}'; cat {tree}/templates/a.yaml; echo '{OUTSIDE.strip()}'")
    assert places(found) == [f"{tree}:None D2C304"]


@pytest.mark.parametrize("link", ["outside.yaml", "pipe", "zero", "around"])
def test_no_other_program_is_let_loose_on_a_chart_that_leads_out_of_the_tree(tree: Path, link: str) -> None:
    (tree / "Chart.yaml").write_text("name: x\n")
    (tree / "templates" / "a.yaml").write_text(PRIVILEGED)
    if link == "pipe":
        os.mkfifo(tree / "templates" / "b.yaml")
    else:
        (tree / "templates" / "b.yaml").symlink_to({"zero": "/dev/zero", "around": "..", "outside.yaml": "../../outside.yaml"}[link])
    found = scanned(tree, helm="echo '# Source: x/templates/a.yaml'; echo 'kind: Pod'")
    [told] = [finding.evidence for finding in found.scan.findings if finding.code == "D2C702"]
    assert told.startswith("templates/b.yaml ")
    assert not [place for place in places(found) if "b.yaml" in place]


def test_only_regular_files_below_the_tree_are_opened(tree: Path) -> None:
    os.mkfifo(tree / "pipe.yaml")
    os.mkfifo(tree / ".gitignore")
    (tree / "zero.yaml").symlink_to("/dev/zero")
    (tree / "out.yaml").symlink_to("../outside.yaml")
    (tree / "a.yaml").write_text(PRIVILEGED)
    (tree / "in.yaml").symlink_to("a.yaml")
    found = scanned(tree, gitignore=True)
    assert places(found) == [f"{tree}/a.yaml:6 D2C304", f"{tree}/in.yaml:6 D2C304"]
    assert {reason: tally.count for reason, tally in found.ledger.passed.items()} == {
        "no regular file": 2,
        "a link to a folder or to nothing, which is not followed": 1,
        "a link that leads out of the folder, which is not followed": 1,
    }


def test_a_file_that_takes_too_long_is_told_and_nothing_of_it_is_claimed(tree: Path) -> None:
    (tree / "a.yaml").write_text(PRIVILEGED)
    (tree / "slow.yaml").write_text("---\n".join([SOCKET] * 3000))
    found = scanned(tree, seconds=0.2)
    assert [(lost.what, lost.reason) for lost in found.unreadable] == [
        (f"{tree}/slow.yaml", "it takes more than 0.2 s to judge; nothing of it from line 1 on was judged")
    ]
    assert (found.ledger.read, found.ledger.lost) == (1, 1)
    assert {place.partition(":")[0] for place in places(found)} == {f"{tree}/a.yaml"}


def test_a_limit_ends_a_pattern_and_is_gone_afterwards() -> None:
    began = time.monotonic()
    with pytest.raises(TooLong), limited(0.05):
        re.fullmatch(r"(?:a|a)*", "a" * 40 + "b")
    with limited(5):
        pass
    time.sleep(0.06)
    assert time.monotonic() - began < 2


def test_there_is_no_limit_in_other_threads() -> None:
    done = []

    def work() -> None:
        with limited(5):
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
