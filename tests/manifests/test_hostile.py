"""Whatever a file holds, a scan of it ends with findings: no exception, no escape and no secret in what it says."""

from __future__ import annotations

import re
import resource
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.facts.redact import printable
from migrate.manifests.files import FileKind
from tests.manifests.seen import FIXTURES, findings, said, scanned

SAMPLES = [path.read_text("utf-8") for path in sorted((FIXTURES / "repo").rglob("*")) if path.is_file() and path.name != "binary.yaml"]
PIECES = st.sampled_from(
    [
        *(
            "kind: Pod\n",
            "apiVersion: v1\n",
            "spec:\n",
            "  containers:\n",
            "  - name: a\n",
            "    image: docker\n",
            "---\n",
            "privileged: yes",
        ),
        *(
            "&a ",
            "*a ",
            "<<: *a\n",
            "? ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            ": ",
            "|\n",
            ">-\n",
            "\t",
            "\r",
            "\n",
            "\0",
            "\x1b[31m",
            "\x85",
            "\u2028",
        ),
        *(
            "'",
            '"',
            "\\x64ocker",
            "\\",
            "!!binary ",
            "!x ",
            "%YAML 1.1\n",
            "...\n",
            "#",
            "\ufeff",
            "é😀",
            "\ud7ff",
            "hostPath: {path: /run}",
        ),
        *(
            "docker run --privileged ",
            "FROM ",
            "RUN ",
            "[Service]\n",
            "ExecStart=",
            "services:\n",
            "data:\n",
            "  x.sh: |\n    docker ps\n",
            "items:\n",
        ),
        *("docker2cri: ignore ", "# docker2cri: ignore D2C301 x (until 2", ")", "(", "{{", "}}", "<<EOF\n", "\\\n"),
    ]
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def judged(text: str, kind: FileKind) -> None:
    for finding in findings(scanned(text, "x", kind)):
        for shown in (finding.subject, finding.evidence):
            assert shown == printable(shown)
            assert "\n" not in shown
        assert finding.location is not None
        assert 1 <= (finding.location.line or 0) <= len(re.split(r"\r\n?|\n", text))


@QUICK
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(FileKind))
def test_any_mixture(text: str, kind: FileKind) -> None:
    judged(text, kind)


@QUICK
@given(
    st.sampled_from(SAMPLES), st.integers(0, 4000), st.integers(0, 30), st.lists(PIECES, max_size=4).map("".join), st.sampled_from(FileKind)
)
def test_real_files_cut_and_spoilt(sample: str, at: int, gone: int, put: str, kind: FileKind) -> None:
    at %= len(sample)
    judged(sample[:at] + put + sample[at + gone :], kind)
    judged(sample[:at], kind)


@QUICK
@given(st.text(max_size=400), st.sampled_from(FileKind))
def test_any_text(text: str, kind: FileKind) -> None:
    judged(f"kind: Pod\ndocker: {text}", kind)


def test_names_with_escapes_and_secrets_are_told_without() -> None:
    text = (
        'kind: "Po\\e[31md"\nmetadata: {name: "a\\nb\\u202e"}\nspec:\n  containers:\n'
        '  - {name: "x\\e]0;t\\a", image: "docker:token=hunter2-Planted", securityContext: {privileged: true}}\n'
    )
    shown = " ".join(said(scanned(text)))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "D2C304 Pod a b: container x is privileged" in shown


@pytest.mark.parametrize(
    "text",
    [
        "kind: Pod\nspec: " + "[" * 200_000,
        "kind: Pod\n" + "- " * 200_000 + "docker",
        "kind: Pod\nspec: {containers: [" + "{name: docker}," * 30_000 + "]}",
        "kind: Odd\nx: docker\na0: &a0 {containers: [{name: a}]}\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)),
        "kind: Pod\nspec: &s {containers: [{name: a, privileged: *s}]}\n",
        "kind: Pod\nmetadata: {name: docker}\nspec: {<<: [" + "{<<: [" * 40 + "]}" * 40 + "]}\n",
        "kind: Pod\n" + "docker run --privileged \\\n" * 40_000,
        "kind: ConfigMap\ndata:\n" + "".join(f"  k{n}.sh: |\n    docker ps\n" for n in range(4000)),
        "kind: Pod\nx: docker" + "#" * 500_000,
        "kind: Pod\nx: 'docker" + "{{/*" * 100_000,
        "kind: Pod\nx: |\n  apt-get install \\\n" + "  apt-get install docker-x \\\n" * 20_000,
        "kind: Pod\n" + 'docker "' + '\\"' * 200_000 + " # x",
        "kind: Pod\n# docker2cri: ignore D2C301 x" + " " * 300_000 + "x",
        "kind: Pod\n# docker2cri: ignore" + " D2C301," * 50_000 + "\nx: docker\n",
    ],
    ids=range(14),
)
def test_bombs_and_floods_end_soon(text: str) -> None:
    before = time.process_time()
    for kind in (
        FileKind.MANIFEST,
        FileKind.SCRIPT,
        FileKind.CI,
        FileKind.COMPOSE,
        FileKind.DOCKERFILE,
        FileKind.UNIT,
        FileKind.JENKINSFILE,
    ):
        scanned(text, "x", kind)
    assert time.process_time() - before < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2_000_000
