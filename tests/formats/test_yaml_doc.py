import difflib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.formats import FormatError, yaml_doc
from migrate.formats.changes import applied, same

KUBELET = (Path(__file__).parent / "data" / "kubelet-config-1.23.17.yaml").read_text()
COMMENTED = """\
# kept by hand
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration   # do not touch
evictionHard:
    memory.available:  "100Mi"   # odd indentation
    nodefs.available: 10%

clusterDNS:
  - 10.96.0.10
  - '10.96.0.11'
# about the driver
cgroupDriver: cgroupfs # old
authentication: {anonymous: {enabled: false}, webhook: {}}
long: aaa bbb
  ccc
text: |
  one
    two

# end
"""


def changed(before, after):
    return [
        f"{line[0]} {line[1:]}" for line in [*difflib.unified_diff(before.splitlines(), after.splitlines(), n=0)][2:] if line[0] in "+-"
    ]


def test_the_kubelet_configuration_of_kubeadm():
    values = yaml_doc.load(KUBELET)
    assert values["logging"] == {"flushFrequency": 0, "options": {"json": {"infoBufferSize": "0"}}, "verbosity": 0}
    assert (values["clusterDNS"], values["memorySwap"], values["failSwapOn"]) == (["10.96.0.10"], {}, False)
    changes = {
        ("cgroupDriver",): "systemd",
        ("containerRuntimeEndpoint",): "unix:///run/containerd/containerd.sock",
        ("containerLogMaxSize",): "10Mi",
        ("containerLogMaxFiles",): 3,
        ("failSwapOn",): yaml_doc.REMOVE,
        ("memorySwap", "swapBehavior"): "LimitedSwap",
    }
    result = yaml_doc.edit(KUBELET, changes)
    assert changed(KUBELET, result) == [
        "- cgroupDriver: cgroupfs",
        "+ cgroupDriver: systemd",
        "- failSwapOn: false",
        "- memorySwap: {}",
        "+ memorySwap:",
        "+   swapBehavior: LimitedSwap",
        "+ containerRuntimeEndpoint: unix:///run/containerd/containerd.sock",
        "+ containerLogMaxSize: 10Mi",
        "+ containerLogMaxFiles: 3",
    ]
    assert yaml_doc.edit(result, changes) == result


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (("cgroupDriver",), "systemd", ["- cgroupDriver: cgroupfs # old", "+ cgroupDriver: systemd # old"]),
        (
            ("evictionHard", "memory.available"),
            "200Mi",
            ['-     memory.available:  "100Mi"   # odd indentation', '+     memory.available:  "200Mi"   # odd indentation'],
        ),
        (("evictionHard", "imagefs.available"), "15%", ["+     imagefs.available: 15%"]),
        (
            ("evictionHard",),
            yaml_doc.REMOVE,
            ["- evictionHard:", '-     memory.available:  "100Mi"   # odd indentation', "-     nodefs.available: 10%"],
        ),
        (("clusterDNS",), ["10.0.0.1"], ["-   - 10.96.0.10", "-   - '10.96.0.11'", '+ - "10.0.0.1"']),
        (
            ("authentication", "anonymous", "enabled"),
            True,
            [
                "- authentication: {anonymous: {enabled: false}, webhook: {}}",
                "+ authentication: {anonymous: {enabled: true}, webhook: {}}",
            ],
        ),
        (
            ("authentication", "x509", "clientCAFile"),
            "/ca",
            [
                "- authentication: {anonymous: {enabled: false}, webhook: {}}",
                '+ authentication: {anonymous: {enabled: false}, webhook: {}, "x509": {"clientCAFile": "/ca"}}',
            ],
        ),
        (("long",), "d", ["- long: aaa bbb", "-   ccc", "+ long: d"]),
        (("text",), "x", ["- text: |", "-   one", "-     two", "+ text: x"]),
        (
            ("new", "list"),
            [{"a": 1, "b": [2]}, "yes", []],
            ["+ new:", "+   list:", "+   - a: 1", "+     b:", "+     - 2", '+   - "yes"', "+   - []"],
        ),
    ],
)
def test_only_the_meant_lines_change(path, value, lines):
    result = yaml_doc.edit(COMMENTED, {path: value})
    assert changed(COMMENTED, result) == lines
    assert yaml_doc.edit(result, {path: value}) == result


@pytest.mark.parametrize(
    ("text", "changes", "result"),
    [
        ("", {("a", "b"): 1}, "a:\n  b: 1\n"),
        ("# c", {("a",): "x"}, "# c\na: x"),
        ("---\na: 1", {("b",): None}, "---\na: 1\nb: null"),
        ("a:\nb: 1\n", {("a",): "x"}, "a: x\nb: 1\n"),
        ("a: # c\nb: 1\n", {("a", "z"): 1}, "a:\n  z: 1 # c\nb: 1\n"),
        ("a: 1\r\nb: 2\r\n", {("a",): yaml_doc.REMOVE, ("c",): [1]}, "b: 2\r\nc:\r\n- 1\r\n"),
        ("a: 'x'\n", {("a",): "it's"}, "a: 'it''s'\n"),
        (
            "a: x\n",
            {("a",): "0777", ("b",): "1.0", ("c",): "22:22", ("d",): "- x", ("e",): ""},
            'a: "0777"\nb: "1.0"\nc: "22:22"\nd: "- x"\ne: ""\n',
        ),
        ('{\n  "a": 1,\n  "b": {"c": 2}\n}\n', {("b", "c"): "x", ("d",): True}, '{\n  "a": 1,\n  "b": {"c": "x"},\n  "d": true\n}\n'),
        ("l:\n- a: 1\n  b: 2\nz: 3\n", {("z",): 4}, "l:\n- a: 1\n  b: 2\nz: 4\n"),
    ],
)
def test_edits(text, changes, result):
    assert yaml_doc.edit(text, changes) == result
    assert yaml_doc.edit(result, changes) == result


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("a: &x 1\nb: *x\n", {("a",): 2}),
        ("a: 1\n", {("a",): yaml_doc.REMOVE}),
        ("a: 1\n", {("a", "b"): 2}),
        ("- a\n", {("a",): 2}),
        ("{a: 1, b: 2}\n", {("a",): yaml_doc.REMOVE}),
        ("a: 1\n---\nb: 1\n", {("a",): 2}),
        ("a: 1\n", {("a",): 1, ("a", "b"): 1}),
        ("a: 1\n? b\n", {("c",): 1}),  # no colon
        ("a: 1\n? b # c: d\n", {("b",): 1}),
        ("a: {b, c: 1}\n", {("a", "b"): 1}),
        ("a: {b}\n", {("a", "c"): 1}),
    ],
)
def test_what_is_not_edited(text, changes):
    with pytest.raises(FormatError):
        yaml_doc.edit(text, changes)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' stands twice in one mapping"),
        ("a:\n  x: 1\n  x: 1\n", 3, "the key 'x' stands twice in one mapping"),
        ("a: 1\nb: no\n", 2, "no without quotes is not the same to all YAML readers; quote it, or write it plainly"),
        ("a: 0644\n", 1, "0644 without quotes is not the same to all YAML readers; quote it, or write it plainly"),
        ("1: a\n", 1, "the key 1 is no text"),
        ("a: b: c\n", 1, "mapping values are not allowed here"),
        ("a: !!python/object:os.system x\n", 1, "an explicit tag is not supported"),
        ("a: &x !!str 1\n", 1, "an explicit tag is not supported"),
        ("a: 1\n---\nb: 1\n", None, "holds 2 documents where one is expected"),
        ("a: [1\n", 2, "expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_what_cannot_be_read(text, line, message):
    with pytest.raises(FormatError) as caught:
        yaml_doc.load(text)
    assert (caught.value.format, caught.value.line, caught.value.message) == ("YAML", line, message)


@pytest.mark.parametrize("text", ["a: \x01\n", "[" * 5000, "a: " * 3, "x" * (1024 * 1024 + 1), "*x\n", "[" * 70 + "]" * 70])
def test_hostile_texts_are_refused(text):
    with pytest.raises(FormatError):
        yaml_doc.load(text)


def test_aliases_are_bounded():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
    )
    with pytest.raises(FormatError, match="more than 100000 values"):
        yaml_doc.load(bomb)


@pytest.mark.parametrize(
    ("plain", "value"),
    [("1", 1), ("-1", -1), ("+1", 1), ("1.5", 1.5), (".5", 0.5), ("true", True), ("Null", None), ("", None), ("~", None)]
    + [
        (text, text)
        for text in ("1.2.3", "10.96.0.10", "10Mi", "10%", "0s", "22:22", "2001-01-01", "unix:///run/x.sock", "a b", "y2k", "/no")
    ],
)
def test_plain_scalars(plain, value):
    assert yaml_doc.load(f"a: {plain}\n") == {"a": value}


def test_several_documents():
    assert yaml_doc.load_all("a: 1\n---\n# none\n---\nb: 2\n") == ({"a": 1}, None, {"b": 2})
    assert yaml_doc.load_all("") == ()
    assert yaml_doc.load("# only\n") is None


KEYS = st.sampled_from(
    ["cgroupDriver", "evictionHard", "memory.available", "clusterDNS", "authentication", "webhook", "new", "y", "text", "long", "10"]
)
VALUES = st.one_of(
    st.integers(-9, 9),
    st.booleans(),
    st.none(),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6),
    st.lists(st.sampled_from(["a", "no", 1]), max_size=2),
)
CHANGES = st.dictionaries(
    st.lists(KEYS, min_size=1, max_size=3).map(tuple), st.one_of(VALUES, st.just(yaml_doc.REMOVE)), min_size=1, max_size=3
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([KUBELET, COMMENTED, "", KUBELET.replace("\n", "\r\n"), json.dumps(yaml_doc.load(KUBELET), indent=2)]), CHANGES)
def test_editing_does_what_it_says_and_keeps_other_lines(text, changes):
    expected = yaml_doc.load(text)
    try:
        result = yaml_doc.edit(text, changes)
    except FormatError:
        return
    for path, value in changes.items():
        if value is not yaml_doc.REMOVE or _get(expected, path) is not None:
            expected = applied("YAML", expected, path, value)
    assert same(yaml_doc.load(result), expected)
    assert yaml_doc.edit(result, changes) == result
    lost = [line[2:] for line in changed(text, result) if line[0] == "-" and not line.startswith("- #")]
    tops = {path[0] for path in changes}
    assert not [line for line in lost if line[:1].isalpha() and line.split(":")[0] not in tops]


def _get(values, path):
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values
