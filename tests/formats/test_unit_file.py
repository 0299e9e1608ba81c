from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats import FormatError, unit_file, words

DATA = Path(__file__).parent / "data"
KUBELET = (DATA / "kubelet.service").read_text()
KUBEADM = (DATA / "10-kubeadm.conf").read_text()
DOCKER = (DATA / "docker-20.10.24.service").read_text()


def test_the_kubelet_of_a_kubeadm_node():
    unit = unit_file.merge(("/k", KUBELET), [("/k.d/10-kubeadm.conf", KUBEADM)])
    assert unit.all("Service", "ExecStart") == (
        unit_file.UnitSetting(
            "Service",
            "ExecStart",
            "/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS",
            "/k.d/10-kubeadm.conf",
            7,
        ),
    )
    assert unit_file.environment(unit) == (
        unit_file.UnitVariable(
            "KUBELET_KUBECONFIG_ARGS",
            "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf",
            "/k.d/10-kubeadm.conf",
            2,
        ),
        unit_file.UnitVariable("KUBELET_CONFIG_ARGS", "--config=/var/lib/kubelet/config.yaml", "/k.d/10-kubeadm.conf", 3),
    )
    assert unit_file.environment_files(unit) == (
        unit_file.EnvironmentFile("/var/lib/kubelet/kubeadm-flags.env", True, "/k.d/10-kubeadm.conf", 4),
        unit_file.EnvironmentFile("/etc/default/kubelet", True, "/k.d/10-kubeadm.conf", 5),
    )
    assert unit.last("Service", "Restart") == unit_file.UnitSetting("Service", "Restart", "always", "/k", 7)
    assert unit.last("Service", "User") is None


def test_continued_lines_and_comments_inside():
    text = "[Service]\nExecStart=/bin/x \\\n  # --old \\\n; more\n  --new\\\n\n# end\nType=simple\n"
    first, second = unit_file.parse(text)
    assert (first.key, words.command(first.value).arguments[0].text, first.line) == ("ExecStart", "--new", 2)
    assert text[first.start : first.end] == text[10 : text.index("# end")]
    assert text[first.value_start : first.value_end] == "/bin/x \\\n  # --old \\\n; more\n  --new"
    assert (second.value, second.line) == ("simple", 8)


def test_empty_assignments_take_back_all_but_dependencies():
    fragment = (
        "[Unit]\nAfter=docker.service\nRequires=docker.service\nConditionPathExists=/a\nAssertUser=root\n"
        "[Service]\nEnvironment=A=1\nExecStart=/a\n"
    )
    dropin = (
        "[Unit]\nAfter=\nRequires=\nAfter=b.service\nConditionUser=\nConditionHost=x\n"
        "[Service]\nEnvironment=\nEnvironment=B=2 'C=3 4' bad\nExecStart=\n"
    )
    unit = unit_file.merge(("/f", fragment), [("/d", dropin)])
    assert unit.names("Unit", "After") == ("docker.service", "b.service")
    assert unit.names("Unit", "Requires") == ("docker.service",)
    assert [s.key for s in unit.settings] == ["After", "Requires", "AssertUser", "After", "ConditionHost", "Environment"]
    assert [(v.name, v.value, v.path, v.line) for v in unit_file.environment(unit)] == [("B", "2", "/d", 9), ("C", "3 4", "/d", 9)]


def test_a_later_variable_wins():
    unit = unit_file.merge(("/f", "[Service]\nEnvironment=A=1 B=2\nEnvironment=A=3\n"))
    assert [(v.name, v.value, v.line) for v in unit_file.environment(unit)] == [("A", "3", 3), ("B", "2", 2)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[Unit]\njunk\n", 2),
        ("[Unit]\n\n=x\n", 3),
        ("[Unit\nA=1\n", 1),
        ("[Unit]\n# x\\\nA=1\n", 2),
        ("[Unit]\nA=1 \\\n", 2),
        ("[Unit]\nA\\\n=1\n", 2),
        ("[Unit]\nA=\0\n", None),
        ("[Unit]\nA=1\rB=2\n", None),
    ],
)
def test_what_cannot_be_read_with_certainty(text, line):
    with pytest.raises(FormatError) as caught:
        unit_file.parse(text)
    assert caught.value.line == line


def test_docker_is_taken_out_of_dependencies():
    text = "[Unit]\nAfter=network.target docker.service\nRequires=docker.service\n# why\nWants=docker.socket  a.service docker.service\n"
    drop = {"docker.service", "docker.socket"}
    assert unit_file.remove_words(text, "Unit", "After", drop) == text.replace(" docker.service\nR", "\nR")
    assert unit_file.remove_words(text, "Unit", "Requires", drop) == text.replace("Requires=docker.service\n", "")
    assert unit_file.remove_words(text, "Unit", "Wants", drop) == text.replace("docker.socket  a.service docker.service", "a.service")
    assert unit_file.remove_words(text, "Unit", "BindsTo", drop) == text
    assert unit_file.remove_words(DOCKER, "Unit", "After", {"containerd.service"}) == DOCKER.replace(
        " containerd.service\nWants", "\nWants"
    )


def test_words_are_taken_out_of_continued_lines():
    text = "[Unit]\r\nAfter=a.service \\\r\n  docker.service \\\r\n  b.service\r\nX=1\r\n"
    assert unit_file.remove_words(text, "Unit", "After", {"docker.service"}) == text.replace("docker.service \\\r\n  ", "")
    assert unit_file.remove_words(text, "Unit", "After", {"docker.service", "b.service"}) == "[Unit]\r\nAfter=a.service\r\nX=1\r\n"
    assert unit_file.remove_words(text, "Unit", "After", {"a.service", "docker.service", "b.service"}) == "[Unit]\r\nX=1\r\n"
    with pytest.raises(FormatError, match="a comment stands among the words"):
        unit_file.remove_words("[Unit]\nAfter=a \\\n# why\n  b\n", "Unit", "After", {"b"})


UNITS = st.lists(
    st.sampled_from(["a.service", "docker.service", " ", "  ", " \\\n ", "docker.socket", '"b.service"']), min_size=1, max_size=9
).map(" ".join)
TEXTS = st.lists(st.tuples(st.sampled_from(["After=", "Wants= ", "# x ", "\n", "[Unit]\n"]), UNITS), max_size=5).map(
    lambda pairs: (
        "[Unit]\n"
        + "".join(key if key.endswith("\n") else f"{key}{names.replace(chr(92), '') if '#' in key else names}\n" for key, names in pairs)
    )
)


def names(text, key):
    return [w.text for e in unit_file.parse(text) if e.key == key for w in words.split(e.value)]


@given(TEXTS)
def test_removing_words_does_what_it_says_and_no_more(text):
    try:
        unit_file.parse(text)
    except FormatError:
        return
    drop = {"docker.service", "docker.socket"}
    result = unit_file.remove_words(text, "Unit", "After", drop)
    assert names(result, "After") == [n for n in names(text, "After") if n not in drop]
    assert names(result, "Wants") == names(text, "Wants")
    assert unit_file.remove_words(result, "Unit", "After", drop) == result
    assert [line for line in result.splitlines() if line.startswith("#")] == [line for line in text.splitlines() if line.startswith("#")]


def test_one_value_is_replaced():
    entry = next(e for e in unit_file.parse(KUBELET) if e.key == "Restart")
    assert unit_file.replace_value(KUBELET, entry, "no") == KUBELET.replace("Restart=always", "Restart=no")
    for value in ("", "a\nb", "a\\", " a"):
        with pytest.raises(FormatError, match="Restart= cannot hold"):
            unit_file.replace_value(KUBELET, entry, value)


def test_a_dropin_is_rendered():
    text = unit_file.render_dropin(
        {"Unit": [("After", "containerd.service")], "Service": [("ExecStart", ""), ("ExecStart", "/usr/bin/kubelet $A")]}
    )
    assert text == "[Unit]\nAfter=containerd.service\n\n[Service]\nExecStart=\nExecStart=/usr/bin/kubelet $A\n"
    for value in ("a\nB=1", "a\\", " a"):
        with pytest.raises(FormatError, match="read back"):
            unit_file.render_dropin({"Unit": [("After", value)]})
