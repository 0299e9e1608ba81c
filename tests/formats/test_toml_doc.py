import difflib
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.formats import FormatError, toml_doc
from migrate.formats.changes import applied, same

DATA = Path(__file__).parent / "data"
DEFAULT = (DATA / "containerd-1.6.20-default.toml").read_text()
DEBIAN = (DATA / "containerd-debian.toml").read_text()
# Written here in the shape of what Docker's containerd.io package installs: no header, so version 1.
HEADERLESS = """\
#   Licence text, several lines.

disabled_plugins = ["cri"]

#root = "/var/lib/containerd"
#oom_score = 0

#[debug]
#  level = "info"
"""
NVIDIA = """\
version = 2
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".containerd]
      default_runtime_name = "nvidia" # gpu nodes
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes]
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]
          runtime_type = "io.containerd.runc.v2"

# the end
"""
CRI = ("plugins", "io.containerd.grpc.v1.cri")
RUNC = (*CRI, "containerd", "runtimes", "runc")
WANTED = {
    ("version",): 2,
    ("disabled_plugins",): [],
    (*CRI, "sandbox_image"): "k8s.gcr.io/pause:3.6",
    (*RUNC, "runtime_type"): "io.containerd.runc.v2",
    (*RUNC, "options", "SystemdCgroup"): True,
    (*CRI, "registry", "config_path"): "/etc/containerd/certs.d",
}


def changed(before, after):
    """The lines that went and came, in order."""
    return [
        f"{line[0]} {line[1:]}" for line in [*difflib.unified_diff(before.splitlines(), after.splitlines(), n=0)][2:] if line[0] in "+-"
    ]


def test_the_default_configuration_changes_in_three_lines():
    result = toml_doc.edit(DEFAULT, WANTED)
    assert changed(DEFAULT, result) == [
        '-     sandbox_image = "registry.k8s.io/pause:3.6"',
        '+     sandbox_image = "k8s.gcr.io/pause:3.6"',
        "-             SystemdCgroup = false",
        "+             SystemdCgroup = true",
        '-       config_path = ""',
        '+       config_path = "/etc/containerd/certs.d"',
    ]


def test_new_tables_stand_beside_their_parents():
    assert toml_doc.edit(DEBIAN, WANTED).splitlines()[:17] == [
        "version = 2",
        "disabled_plugins = []",
        "",
        "[plugins]",
        '  [plugins."io.containerd.grpc.v1.cri"]',
        '    sandbox_image = "k8s.gcr.io/pause:3.6"',
        '    [plugins."io.containerd.grpc.v1.cri".cni]',
        '      bin_dir = "/usr/lib/cni"',
        '      conf_dir = "/etc/cni/net.d"',
        '        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
        '          runtime_type = "io.containerd.runc.v2"',
        '          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]',
        "            SystemdCgroup = true",
        '    [plugins."io.containerd.grpc.v1.cri".registry]',
        '      config_path = "/etc/containerd/certs.d"',
        '  [plugins."io.containerd.internal.v1.opt"]',
        '    path = "/var/lib/containerd/opt"',
    ]


def test_a_configuration_without_a_header():
    assert toml_doc.edit(HEADERLESS, WANTED) == (
        HEADERLESS.replace('disabled_plugins = ["cri"]\n', "disabled_plugins = []\nversion = 2\n")
        + """
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "k8s.gcr.io/pause:3.6"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = true

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d"
"""
    )


def test_comments_stay_where_they_are():
    result = toml_doc.edit(NVIDIA, {(*CRI, "containerd", "default_runtime_name"): "runc", (*RUNC, "runtime_type"): "io.containerd.runc.v2"})
    assert changed(NVIDIA, result) == [
        '-       default_runtime_name = "nvidia" # gpu nodes',
        '+       default_runtime_name = "runc" # gpu nodes',
        '+         [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
        '+           runtime_type = "io.containerd.runc.v2"',
    ]
    assert result.endswith("\n\n# the end\n")


@pytest.mark.parametrize(
    ("text", "changes", "result"),
    [
        ("", {("a",): 1}, "a = 1\n"),
        ("# c", {("a", "b"): "x"}, '# c\n\n[a]\nb = "x"'),
        ("# about t\n[t]\nk = 1\n", {("a",): 1}, "a = 1\n# about t\n[t]\nk = 1\n"),
        ("a = 1 # keep\nb = 0x10\n", {("a",): 2, ("b",): 16}, "a = 2 # keep\nb = 0x10\n"),
        ("a = 1\nb = 2\n", {("a",): toml_doc.REMOVE, ("c",): toml_doc.REMOVE}, "b = 2\n"),
        ("[t]\nk = 1\n[u]\n", {("t",): toml_doc.REMOVE}, "[u]\n"),
        ("a = [\n  1, # one\n]\nb = 1\n", {("a",): [2]}, "a = [2]\nb = 1\n"),
        (
            "a = [\n  [\"[x]\"],\n  ['''\n[y]\n'''],\n]\n[z]\n",
            {("z", "k"): True},
            "a = [\n  [\"[x]\"],\n  ['''\n[y]\n'''],\n]\n[z]\nk = true\n",
        ),
        ("a.b = 1\n", {("a", "c"): 2}, "a.b = 1\na.c = 2\n"),
        ("a.b = 1\n", {("a", "t", "c"): 2}, "a.b = 1\n\n[a.t]\nc = 2\n"),
        ("a = { b = 1 }\n", {("a", "b"): 2}, "a = { b = 2 }\n"),
        ("a = { b = 1 }\n", {("a", "t", "c"): 2}, "a = { b = 1, t = {c = 2}}\n"),
        ("[a]\r\nb = 1\r\n", {("a", "c", "d"): [1], ("a", "b"): "x"}, '[a]\r\nb = "x"\r\n\r\n[a.c]\r\nd = [1]\r\n'),
        ("[a.b]\nk = 1\n", {("a", "j"): 1}, "[a]\nj = 1\n\n[a.b]\nk = 1\n"),
        ("", {("t",): {"k": 1, "u": {"x": "y"}, "e": {}}}, '[t]\nk = 1\n\n[t.u]\nx = "y"\n\n[t.e]\n'),
        ("[[l]]\nk = 1\n", {("m", "k"): 1}, "[[l]]\nk = 1\n\n[m]\nk = 1\n"),
        ('["a b"]\n', {("a b", 'c"d'): 1}, '["a b"]\n"c\\"d" = 1\n'),
    ],
)
def test_edits(text, changes, result):
    assert toml_doc.edit(text, changes) == result
    assert toml_doc.edit(result, changes) == result


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", 2),
        ('a = ["x"', None),
        ("a = 1\na = 2\n", 2),
        ("a = {\n b = 1 }\n", 1),
        ("a = " + "[" * 5000, None),
        ("a=1\n" * 400000, None),
    ],
)
def test_what_cannot_be_read(text, line):
    with pytest.raises(FormatError) as caught:
        toml_doc.load(text)
    assert (caught.value.format, caught.value.line) == ("TOML", line)


@pytest.mark.parametrize(("text", "path"), [("a = 1\n", ("a", "b")), ("[[a]]\nb = 1\n", ("a", "b")), ("a = 1\n", ())])
def test_a_path_must_lead_through_tables(text, path):
    with pytest.raises(FormatError):
        toml_doc.edit(text, {path: 1})


def test_changes_may_not_overlap():
    with pytest.raises(FormatError, match=r"a\.b cannot be changed together with what is inside it"):
        toml_doc.edit("", {("a", "b"): 1, ("a", "b", "c"): 2})


def test_a_small_file_is_rendered():
    hosts = {
        "server": "https://registry-1.docker.io",
        "host": {"https://mirror:5000": {"capabilities": ["pull", "resolve"], "skip_verify": True}, "http://b": {"ca": "/c\\d"}},
    }
    assert toml_doc.render(hosts) == (
        'server = "https://registry-1.docker.io"\n\n'
        '[host."https://mirror:5000"]\ncapabilities = [ "pull", "resolve",]\nskip_verify = true\n\n'
        '[host."http://b"]\nca = "/c\\\\d"\n'
    )
    with pytest.raises(FormatError):
        toml_doc.render({"a": None})


KEYS = st.sampled_from(["version", "plugins", "io.containerd.grpc.v1.cri", "a", "b c", "options"])
PATHS = st.lists(KEYS, min_size=1, max_size=4).map(tuple)
LEAVES = st.one_of(st.integers(-9, 9), st.booleans(), st.text(max_size=5), st.just([]), st.lists(st.text(max_size=3), max_size=2))
CHANGES = st.dictionaries(PATHS, st.one_of(LEAVES, st.just(toml_doc.REMOVE)), min_size=1, max_size=3)
FILES = st.sampled_from([DEFAULT, DEBIAN, HEADERLESS, NVIDIA, "", "# c", DEBIAN.replace("\n", "\r\n")])


@settings(max_examples=80, deadline=None)
@given(FILES, CHANGES)
def test_editing_does_what_it_says_and_keeps_other_lines(text, changes):
    expected = toml_doc.load(text)
    try:
        for path, value in changes.items():
            if not (value is toml_doc.REMOVE and not _has(expected, path)):
                expected = applied("TOML", expected, path, value)
        result = toml_doc.edit(text, changes)
    except FormatError:
        return
    assert same(toml_doc.load(result), expected)
    assert toml_doc.edit(result, changes) == result
    if not any(isinstance(_get(toml_doc.load(text), path), dict) for path in changes):
        lost = [line[2:] for line in changed(text, result) if line[0] == "-"]
        assert len(lost) <= len(changes)
        assert all(any(path[-1] in line for path in changes) for line in lost)


def _get(values, path):
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _has(values, path):
    return _get(values, path) is not None


def test_what_is_there_changes_before_tables_are_added():
    text = '[plugins]\n  [plugins."cri"]\n    [plugins."cri".cni]\n      bin_dir = "/usr/lib/cni"\n'
    tables = {("plugins", "cri", "runtimes", name, *key): "x" for name in ("runc", "gpu") for key in (("type",), ("options", "driver"))}
    changes = {**tables, ("plugins", "cri", "cni", "bin_dir"): "/opt/cni/bin"}
    assert toml_doc.load(toml_doc.edit(text, changes))["plugins"]["cri"]["cni"] == {"bin_dir": "/opt/cni/bin"}


def test_changes_leave_their_input_alone():
    before = toml_doc.load(DEBIAN)
    kept = deepcopy(before)
    applied("TOML", before, RUNC, {"x": 1})
    assert before == kept


@pytest.mark.skipif(shutil.which("containerd") is None, reason="needs containerd to read the edited files")
@pytest.mark.parametrize("text", [DEFAULT, DEBIAN, HEADERLESS, NVIDIA, ""], ids=["default", "debian", "headerless", "nvidia", "empty"])
def test_containerd_runs_on_what_was_edited(tmp_path, text):
    file = tmp_path / "config.toml"
    file.write_text(toml_doc.edit(text, WANTED))
    dump = subprocess.run(["containerd", "-c", file, "config", "dump"], check=True, capture_output=True, text=True).stdout
    values = toml_doc.load(dump)
    assert all(_get(values, path) == value for path, value in WANTED.items())
