"""Templates as the YAML that they would be: lines and columns stay, one branch of each condition, known values in the place of actions."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from migrate.manifests.actions import actions_of
from migrate.manifests.expression import UNKNOWN, evaluate
from migrate.manifests.template import readings
from migrate.rules import Finding
from migrate.rules.ground import Ground
from migrate.rules.lenient import TemplateText
from migrate.rules.scan import Scan
from migrate.targets.table import target_named
from tests.manifests.seen import findings

VALUES: dict[str, Any] = {
    "socket": "/var/run/docker.sock",
    "privileged": True,
    "on": True,
    "off": False,
    "empty": {},
    "pod": {"hostPID": True},
    "volumes": [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}],
    "security": {"privileged": True},
    "nested": {"name": "x", "list": [1, 2]},
}
HEAD = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n"
MOUNT = "      volumes:\n        - name: s\n          hostPath:\n            path: "


def scanned(text: str, values: dict[str, Any] | None = None, **more: Any) -> Scan:
    target = target_named("containerd")
    assert target is not None
    scan = Scan(Ground(target))
    scan.template(TemplateText("x.yaml", text, "chart x", VALUES if values is None else values, **more))
    return scan


def said(scan: Scan) -> list[str]:
    def one(finding: Finding) -> str:
        assert finding.location is not None
        return f"{finding.location.line}:{finding.location.column} {finding.code} {finding.severity} {finding.confidence}"

    return sorted(map(one, findings(scan)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".Values.socket", "/var/run/docker.sock"),
        ("$.Values.nested.name | quote", "x"),
        (".Values.missing", None),
        (".Values.missing.deeper", None),
        ('.Values.missing | default "y"', "y"),
        ('default "y" .Values.socket', "/var/run/docker.sock"),
        ("not .Values.off", True),
        ("and .Values.on .Values.off", False),
        ("or .Release.IsUpgrade .Values.on", True),
        ("and .Release.IsUpgrade .Values.off", False),
        ("and .Release.IsUpgrade .Values.on", UNKNOWN),
        ('eq .Values.nested.name "x"', True),
        ('and (eq .Values.nested.name "x") (not .Values.empty)', True),
        ("toYaml .Values.nested | nindent 8", {"name": "x", "list": [1, 2]}),
        ('include "x" .', UNKNOWN),
        (".Release.Name", UNKNOWN),
        ("$x", UNKNOWN),
        ('semverCompare ">=1.19" .Capabilities.KubeVersion.Version', UNKNOWN),
        ("(" * 500, UNKNOWN),
        ("", UNKNOWN),
        ('printf "%s:%d%%" .Values.nested.name 3', "x:3%"),
        ('printf "%q" .Values.nested.name', UNKNOWN),
        ('printf "%s"', UNKNOWN),
        ('index .Values "nested" "list" 1', 2),
        ("index .Values.nested.list 9", UNKNOWN),
        ('contains "docker" .Values.socket', True),
        ('hasKey .Values.nested "list"', True),
        ('replace "/" "-" .Values.nested.name', "x"),
        ('"unclosed', UNKNOWN),
    ],
)
def test_expressions(text: str, expected: Any) -> None:
    assert evaluate(text, VALUES) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + MOUNT + "/var/run/docker.sock\n", ["10:13 D2C301 blocker seen"]),
        (HEAD + MOUNT + "{{ .Values.socket }}\n", ["10:13 D2C301 blocker seen"]),
        (HEAD + MOUNT + '"{{ .Values.socket }}"\n', ["10:13 D2C301 blocker seen"]),
        (HEAD + MOUNT + "{{ .Values.other }}\n", []),
        (HEAD + "{{- if .Values.on }}\n" + MOUNT + "/var/run/docker.sock\n{{- end }}\n", ["11:13 D2C301 blocker seen"]),
        (HEAD + "{{- if .Values.off }}\n" + MOUNT + "/var/run/docker.sock\n{{- end }}\n", ["11:13 D2C301 warning text-only"]),
        (HEAD + "{{- if .Capabilities.X }}\n" + MOUNT + "/var/run/docker.sock\n{{- end }}\n", ["11:13 D2C301 warning text-only"]),
        (
            HEAD + "{{- if .Values.off }}\n      hostPID: false\n{{- else }}\n" + MOUNT + "/var/run/docker.sock\n{{- end }}\n",
            ["13:13 D2C301 blocker seen"],
        ),
        (
            HEAD + "{{- with .Values.security }}\n      containers:\n        - name: c\n          securityContext:\n"
            "            {{- toYaml . | nindent 12 }}\n{{- end }}\n",
            ["11:13 D2C304 warning seen"],
        ),
        (
            HEAD + "      containers:\n        - name: c\n          securityContext: {{- toYaml .Values.security | nindent 12 }}\n",
            ["9:28 D2C304 warning seen"],
        ),
        (
            HEAD + "      containers:\n        - name: c\n          securityContext:\n            privileged: {{ .Values.privileged }}\n",
            ["10:13 D2C304 warning seen"],
        ),
        (
            HEAD
            + "      containers:\n{{ range .Values.list }}\n        - name: {{ .name }}\n          securityContext: {privileged: true}\n"
            "{{ end }}\n",
            ["10:29 D2C304 warning text-only"],
        ),
        (
            HEAD
            + "      volumes:\n        - name: a\n          emptyDir: {}\n{{ toYaml .Values.volumes | indent 8 }}\n        - {name: b}\n",
            ["10:11 D2C301 blocker seen"],
        ),
        (
            HEAD + "      containers: []\n      {{- toYaml .Values.pod | nindent 6 }}\n      volumes: []\n",
            ["8:7 D2C305 warning seen"],
        ),
        (
            HEAD + "      containers:\n        - name: a\n          image: {{ .Values.x }}:{{ if .Values.tag }}{{ .Values.tag }}{{ end }}\n"
            "          command: [sh, -c]\n          args:\n          - |\n            "
            "{{- if .Values.on }}\n            docker ps\n            {{- end }}\n",
            ["11:11 D2C303 warning seen"],
        ),
        (
            '{{- define "volumes" -}}\n- name: s\n  hostPath:\n    path: /var/run/docker.sock\n{{- end -}}\n',
            ["4:5 D2C301 warning text-only"],
        ),
        ("apiVersion: v1\nkind: Ingress\nspec:\n  path: /\n  x: {{ .Values.y }}\n", []),
        (
            "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: {{ .Release.Name }}}\n"
            "spec:\n  privileged: true\n  hostPID: true\n",
            [],
        ),
        (
            HEAD + "      volumes:\n        - hostPath: {path: {{ .Values.socket }}}\n          name: {{ .Values.x }}\n",
            ["8:22 D2C301 blocker seen"],
        ),
        (
            HEAD + "      containers:\n        - name: {{ .Chart.Name }}\n          image: x\n      volumes:\n        - hostPath:\n"
            "            path: {{ .Values.socket }}\n          name: s\n",
            ["12:13 D2C301 blocker seen"],
        ),
        ("{{- $s := .Values.socket -}}\n" + HEAD + MOUNT + "{{ $s }}\n", ["11:13 D2C301 blocker seen"]),
        ("{{- $v := .Values -}}\n" + HEAD + MOUNT + "{{ $v.socket }}\n", ["11:13 D2C301 blocker seen"]),
        (
            '{{- $s := "/x" }}{{ if .Values.on }}{{ $s = .Values.socket }}{{ end }}\n' + HEAD + MOUNT + "{{ $s }}\n",
            ["11:13 D2C301 blocker seen"],
        ),
        ("{{- $s := .Values.socket }}{{ if .X }}{{ $s = 1 }}{{ end }}\n" + HEAD + MOUNT + "{{ $s }}\n", []),
        ("{{ if .X }}{{- $s := .Values.socket }}{{ end }}\n" + HEAD + MOUNT + "{{ $s }}\n", []),
        ("{{- $s := .Values.socket }}{{ range $s := .Values.volumes }}\n" + HEAD + MOUNT + "{{ $s }}\n{{ end }}\n", []),
        (
            HEAD
            + "      containers:\n      - name: {{ .Values.x }}\n        {{ if .Values.on }}securityContext: {privileged: true}{{ end }}\n",
            ["9:27 D2C304 warning seen"],
        ),
        (
            HEAD + "      containers:\n      - name: x\n        resources:\n{{ toYaml .Values.x | indent 10 }}\n"
            "        securityContext: {privileged: true}\n",
            ["11:27 D2C304 warning seen"],
        ),
        (
            HEAD + "      volumes:\n      - name: s\n        {{ .Values.kind }}:\n          path: /run/docker.sock\n"
            "      - {name: t, hostPath: {path: /run/docker.sock}}\n",
            ["11:30 D2C301 blocker seen"],
        ),
        (
            HEAD + "      containers:\n      - name: x\n        image: {{ .Values.x }}\n          {{- if .Values.on }}:y{{ end }}\n"
            "        securityContext: {privileged: true}\n",
            ["11:27 D2C304 warning seen"],
        ),
        (HEAD + MOUNT + '{{ printf "%s/docker.sock" "/var/run" }}\n', ["10:13 D2C301 blocker seen"]),
        ("{{/* /var/run/docker.sock */}}\n{{- /*\npath: /var/run/docker.sock\n*/ -}}\n", []),
    ],
)
def test_what_is_understood(text: str, expected: list[str]) -> None:
    assert said(scanned(text)) == expected


def test_a_line_that_stands_in_the_way_is_left_out_and_told() -> None:
    text = HEAD + "      hostPID: true\n  broken: [ {{ .Values.x }} /var/run/docker.sock\n" + MOUNT + "/var/lib/docker\n"
    found = scanned(text)
    assert said(found) == [
        "12:13 D2C302 warning seen",
        "7:7 D2C305 warning seen",
        "8:3 D2C301 warning text-only",
    ]
    assert [place.line for place in found.misread.rows] == [8]


def test_what_puts_in_lines_of_its_own_is_told() -> None:
    found = scanned(HEAD + '      {{- include "x.volumes" . | nindent 6 }}\n      {{- toYaml .Values.empty | nindent 6 }}\n')
    assert [place.line for place in found.misread.actions] == [7]


def test_names_are_told_with_their_actions() -> None:
    text = (
        HEAD.replace("name: a", "name: '{{ .Release.Name }}-a'")
        + MOUNT
        + '/var/lib/docker/{{ include "a.very.long.name.of.a.template" . }}\n'
    )
    [finding] = findings(scanned(text))
    assert finding.subject == "DaemonSet {{ .Release.Name }}-a"
    assert finding.evidence == "hostPath /var/lib/docker/{{ ... }} (no type), which no container mounts"


def test_a_subchart_is_text_only() -> None:
    assert said(scanned(HEAD + MOUNT + "/var/run/docker.sock\n", doubtful=True)) == ["10:13 D2C301 warning text-only"]


def test_jinja() -> None:
    text = (
        "{# /var/run/docker.sock #}\n{% if x %}\n"
        + HEAD
        + "{% endif %}\n      {% for a in b %}\n      hostPID: {{ a }}\n      {% endfor %}\n"
    )
    text += MOUNT + "{{ docker_root | default('/var/run/docker.sock') }}\n"
    assert said(scanned(text, jinja=True)) == ["16:13 D2C301 warning text-only"]  # a default, which an inventory may set otherwise
    macro = "{% macro vol(name) %}\n- name: {{ name }}\n{% endmacro %}\n"
    assert said(scanned(macro + HEAD + MOUNT + "/var/run/docker.sock\n", jinja=True)) == ["13:13 D2C301 blocker seen"]
    assert said(scanned(HEAD + "{% set x = 1 %}\n" + MOUNT + "/var/run/docker.sock{# x #}\n", jinja=True)) == ["11:13 D2C301 blocker seen"]


@example("{{{{\r\n}}", False)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "{{",
                "}}",
                "{{ if .Values.on }}",
                "{{ else }}",
                "{{ end }}",
                "{{ .x }}",
                "{%",
                "%}",
                "{#",
                "#}",
                "{{/*",
                "*/}}",
                "\n",
                "\r\n",
                "a: ",
                "- ",
                "  ",
                '"',
                "`",
                "'",
                "\ue001",
                "é😀",
                "{{ range",
                "---\n",
                "kind: Pod\n",
                "apiVersion: v1\n",
            ]
        ),
        max_size=50,
    ).map("".join),
    st.booleans(),
)
def test_any_text_keeps_its_places(text: str, jinja: bool) -> None:
    for reading in readings(text, VALUES, jinja=jinja):
        assert len(reading.text) == len(text)
        assert [char for char in reading.text if char in "\r\n"] == [char for char in text if char in "\r\n"]
    found = scanned(text, jinja=jinja)
    assert "\ue000" not in "".join(finding.evidence + finding.subject for finding in findings(found))


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "{{ `",
        '{{ "',
        "{{/*",
        "{{ if x }}",
        "{{ if x }}a{{ else }}",
        "{%",
        "{#",
        "{{ (",
        "- [\n",
        "{{ toYaml .Values.nested }}\n",
        "a: {{ toYaml .Values }}\n",
        "{{ x }}\n\n",
        "- {{- x }}\n",
    ],
)
def test_floods_end_soon(text: str) -> None:
    before = time.process_time()
    for jinja in (False, True):
        scanned(HEAD + text * (40_000 // len(text)), jinja=jinja)
    assert time.process_time() - before < 6


def test_actions_have_their_places() -> None:
    text = 'a: {{ "}}" }} {{- .b -}}'
    assert [text[action.start : action.end] for action in actions_of(text, None).actions] == ['{{ "}}" }}', "{{- .b -}}"]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_lines_end_in_any_way(end: str) -> None:
    """A lone CR is an end of a line, too (YAML 1.1, 5.4): an action has the line that it stands in."""
    text = end.join(("a: 1", "b: 2", "docker: x:{{ if .Values.a }}y{{ end }}", ""))
    assert [len(reading.text) for reading in readings(text, None)] == [len(text)]
