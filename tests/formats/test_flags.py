import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats import FormatError, words
from migrate.formats.flags import GivenFlag, edit_flags, last, parse_flags

BOOLEANS = frozenset({"fail-swap-on", "h"})
KUBEADM = "--network-plugin=cni --node-labels=lab=clean --pod-infra-container-image=k8s.gcr.io/pause:3.6"


def test_all_forms():
    args = ["--a=1", "--b_c", "2", "--fail-swap-on", "x", "-v=4", "-v5", "-v", "6", "-hv7", "--e=", "-", "--", "--not=one"]
    assert parse_flags(args, BOOLEANS) == (
        GivenFlag("a", "1", 0, 1),
        GivenFlag("b-c", "2", 1, 3),
        GivenFlag("fail-swap-on", None, 3, 4),
        GivenFlag("v", "4", 5, 6),
        GivenFlag("v", "5", 6, 7),
        GivenFlag("v", "6", 7, 9),
        GivenFlag("h", None, 9, 10),
        GivenFlag("v", "7", 9, 10),
        GivenFlag("e", "", 10, 11),
    )


def test_a_value_may_look_like_a_flag():
    assert parse_flags(["--a", "--b"]) == (GivenFlag("a", "--b", 0, 2),)


@pytest.mark.parametrize("args", [["--a"], ["---a", "x"], ["--=x"], ["-v"]])
def test_what_pflag_refuses(args):
    with pytest.raises(FormatError):
        parse_flags(args)


def test_the_last_one_is_in_force():
    found = parse_flags(["--a=1", "--a=2", "--b_b=3"])
    assert last(found, "a") == GivenFlag("a", "2", 1, 2)
    assert last(found, "b_b") == last(found, "b-b") == GivenFlag("b-b", "3", 2, 3)
    assert last(found, "c") is None


@pytest.mark.parametrize(
    ("text", "remove", "set", "result"),
    [
        (
            KUBEADM,
            {"network-plugin", "pod_infra_container_image"},
            {"container-runtime": "remote", "container-runtime-endpoint": "unix:///run/containerd/containerd.sock"},
            "--node-labels=lab=clean --container-runtime=remote --container-runtime-endpoint=unix:///run/containerd/containerd.sock",
        ),
        ("--a 1  --b=2 --a=3", {"a"}, {}, "--b=2"),
        ("--a=1 --b=2 --a_ 3 --a 4", set(), {"a": "9"}, "--b=2 --a_ 3 --a=9"),
        ("--x  '--a=1' \"--y\" 2", {"a"}, {}, "--x  '--a=1' \"--y\" 2"),
        ("--a=1", {"a"}, {}, ""),
        ("", set(), {"a": "1"}, "--a=1"),
        (" --a=1 ", set(), {"b": "x y"}, ' --a=1 "--b=x y"'),
        ("--fail-swap-on pos --a 1", {"fail-swap-on"}, {}, "pos --a 1"),
        ("--a 1", set(), {"a": "1"}, "--a 1"),
    ],
)
def test_only_the_named_flags_change(text, remove, set, result):
    assert edit_flags(text, remove, set, BOOLEANS) == result
    assert edit_flags(result, remove, set, BOOLEANS) == result


def test_contradictions_are_refused():
    with pytest.raises(FormatError, match="--a-b is to be removed and to be set"):
        edit_flags("", {"a_b"}, {"a-b": "1"})
    with pytest.raises(FormatError, match="would change other flags than a"):
        edit_flags("--b=1 --", set(), {"a": "1"})
    with pytest.raises(FormatError, match="would change other flags than h"):
        edit_flags("-hv7", {"h"}, {}, BOOLEANS)


FLAGS = st.lists(
    st.sampled_from(["--a=1", "--a 2", "--b=x", "'--c=y z'", "--fail-swap-on", "--d_e=4", "--d-e 5", "pos", "-v=3", "-v 4", '"--a" "6"']),
    max_size=8,
).map("  ".join)


@given(
    FLAGS,
    st.sets(st.sampled_from(["a", "b", "v"])),
    st.dictionaries(st.sampled_from(["c", "d-e", "new"]), st.sampled_from(["", "1", "x y", 'q"'])),
)
def test_editing_does_what_it_says_and_no_more(text, remove, set):
    result = edit_flags(text, remove, set, BOOLEANS)
    assert edit_flags(result, remove, set, BOOLEANS) == result
    before, after = (parse_flags([w.text for w in words.split_variable(t)], BOOLEANS) for t in (text, result))
    untouched = [(f.name, f.value) for f in before if f.name not in remove and f.name not in set]
    assert [(f.name, f.value) for f in after if f.name not in set] == untouched
    assert {f.name: f.value for f in after if f.name in set} == set
    kept = {f.start for f in before if f.name in remove or f.name in set}
    raw = [text[w.start : w.end] for i, w in enumerate(words.split_variable(text)) if i not in kept and i - 1 not in kept]
    assert all(piece in result for piece in raw)
