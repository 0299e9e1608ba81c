"""A List cut into its items: the same items at the same places as in the whole, however the bytes come, and never much of it held."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.manifests.lists import ITEM_LIMIT
from migrate.manifests.split import Piece, characters, pieces
from migrate.rules.ground import Ground
from migrate.rules.scan import Scan
from migrate.targets.table import target_named

WORDS = st.sampled_from(["a", "items", "{", "}]", '"', "\\", "- x", "é", "\U0001f433", "x\n- y\n", ": ", "# z", "", "---\n"])
OBJECTS = st.recursive(
    WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS.filter(bool), inner, max_size=3), max_leaves=6
).map(lambda value: {"kind": "Pod", "spec": value})
SIZES = st.lists(st.integers(0, 900), max_size=6)
MIB = 1024 * 1024


def cut(data: bytes, sizes: Iterable[int]) -> list[Piece]:
    marks = [0, *sorted({min(size, len(data)) for size in sizes}), len(data)]
    return list(pieces((data[a:b] for a, b in pairwise(marks) if a != b), large=0))


def texts(found: list[Piece], whole: str) -> Iterator[str]:
    """The items, each looked up in the whole at the place that its piece has."""
    starts = [0, *(at + 1 for at, char in enumerate(whole) if char == "\n")]
    for piece in found:
        text = piece.data.decode()
        at = starts[piece.first - 1] + piece.column - 1
        assert (piece.lost, whole[at : at + len(text)]) == ("", text)
        yield from (text[a:b] for a, b in characters(piece, text))


@settings(max_examples=60)
@given(st.lists(OBJECTS, min_size=1, max_size=4), st.sampled_from([None, 0, 4]), st.booleans(), SIZES)
def test_json_is_cut_into_its_items(objects: list[Any], indent: int | None, ascii_only: bool, sizes: list[int]) -> None:
    made = {"apiVersion": "v1", "metadata": {"x": "{"}, "items": objects, "kind": "List", "more": {"deep": [{"items": []}]}}
    text = json.dumps(made, indent=indent, ensure_ascii=ascii_only) + "\n"
    found = cut(text.encode(), [200, *sizes])
    if found[0].items:
        assert [json.loads(one) for one in texts(found, text)] == objects
    else:
        assert [piece.data.decode() for piece in found] == [text]  # its end came with its begin


@settings(max_examples=60)
@given(st.lists(OBJECTS, min_size=1, max_size=4), st.sampled_from(["", "  "]), SIZES)
def test_yaml_is_cut_into_its_items(objects: list[Any], indent: str, sizes: list[int]) -> None:
    listed = yaml.safe_dump(objects, allow_unicode=True).splitlines(keepends=True)
    text = "apiVersion: v1\nitems:\n" + "".join(indent + line if line.strip() else line for line in listed) + "kind: List\n"
    found = cut(text.encode(), sizes)
    assert [one for item in texts(found, text) for one in yaml.safe_load(item)] == yaml.safe_load(text)["items"]


def pod(n: int) -> dict[str, Any]:
    volumes = [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{n}"}, "spec": {"containers": [{"name": "é"}], "volumes": volumes}}


@pytest.mark.parametrize("form", ["compact", "indented", "yaml", "crlf"])
def test_findings_are_those_of_the_whole(form: str) -> None:
    made = {"apiVersion": "v1", "items": [pod(n) for n in range(7)], "kind": "List", "metadata": {"resourceVersion": ""}}
    text = yaml.safe_dump(made) if form == "yaml" else json.dumps(made, indent=None if form == "compact" else 4, ensure_ascii=False)
    text = text.replace("\n", "\r\n" if form == "crlf" else "\n")
    target = target_named("containerd")
    assert target is not None
    whole, streamed = Scan(Ground(target)), Scan(Ground(target))
    whole.manifests("a", text)
    for piece in cut(text.encode(), [150, 600, 1000]):
        streamed.items("a", piece.data.decode(), characters(piece, piece.data.decode()), piece.first, piece.column)
    assert len(whole.judged.workloads) == 7
    assert streamed.judged == whole.judged
    assert streamed.documents == 7


def test_what_follows_a_list_is_read() -> None:
    text = '{"items": [{"a": 1},\n{"b": 2}], "kind": "List"}\n---\nkind: Pod\n---\nitems:\n- c: 1\nkind: List\n---\nlast: 1\n'
    found = cut(text.encode(), range(1, len(text)))
    assert [(piece.first, piece.column, piece.data) for piece in found] == [
        (1, 12, b'{"a": 1}'),
        (2, 1, b'{"b": 2}'),
        (3, 1, b"---\nkind: Pod\n"),
        (7, 1, b"- c: 1\n"),
        (9, 1, b"---\nlast: 1\n"),
    ]


BEGIN = b'{"apiVersion": "v1", "items": [\n'


@pytest.mark.parametrize(
    ("rest", "lost"),
    [
        ([b'{"a": 1},\n{"b": "no end'], [(3, "a List that breaks off; its last item was not judged")]),
        ([b'{"a": 1}, null, {"b": 1}]}'], [(2, "a List that stops to be JSON; the rest of it was not judged")]),
        ([b'{"a": 1}'], [(2, "a List that breaks off; its last item was not judged")]),
        ([b'{"a": 1},\n{"b":\n"', *[b"x" * MIB] * 9], [(4, "a List that stops to be JSON; the rest of it was not judged")]),
        ([b'{"a": 1},\n{"b": ', *[b"[" * MIB] * 2], [(3, "a List that is nested deeper than 100; the rest of it was not judged")]),
        (
            [b'{"a": 1},\n{"b": [', *[b'"x",' * 100_000] * 20, b'1]},\n{"c": 1}]}'],
            [(3, "an item of a List of more than 4 MiB; it was passed over")],
        ),
    ],
)
def test_a_list_that_is_not_whole_is_told(rest: list[bytes], lost: list[tuple[int, str]]) -> None:
    found = list(pieces([BEGIN, *rest], large=0))
    assert found[0].data.startswith(b'{"a": 1}')
    assert [(piece.first, piece.lost) for piece in found if piece.lost] == lost
    if b'"c"' in rest[-1]:
        assert found[-1].data == b'{"c": 1}'


def test_an_item_of_yaml_over_the_limit_is_told_and_the_next_one_read() -> None:
    found = list(pieces([b"items:\n- a: 1\n- b: |\n", *[b"    x\n" * 200_000] * 6, b"- c: 1\n", b"kind: List\n"]))
    assert [(piece.first, piece.data, piece.lost) for piece in found] == [
        (2, b"- a: 1\n", ""),
        (3, b"", "an item of a List of more than 4 MiB; it was passed over"),
        (1_200_004, b"- c: 1\n", ""),
    ]


def test_a_document_after_a_broken_list_is_read() -> None:
    found = cut(BEGIN + b'{"a": 1}, oops\n---\nkind: Pod\n', [40])
    assert [(piece.first, piece.data) for piece in found if not piece.lost] == [(2, b'{"a": 1}'), (3, b"---\nkind: Pod\n")]


@pytest.mark.parametrize("end", [b'{"b": 1}]}', b'{"x": "' + b"y" * 3 * MIB + b'"}]}', b'{"x": ' + b"1, " * 3 * MIB])
def test_little_of_a_stream_is_held(end: bytes) -> None:
    item = json.dumps({"kind": "Pod", "metadata": {"annotations": {"x": "y" * 9000}}}).encode() + b","

    def blocks() -> Iterator[bytes]:
        yield BEGIN
        for _ in range(40):
            yield item * (MIB // 2 // len(item))
        yield from (end[at : at + MIB // 2] for at in range(0, len(end), MIB // 2))

    tracemalloc.start()
    try:
        count = sum(len(piece.items) for piece in pieces(blocks(), large=0))
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count >= 40 * (MIB // 2 // len(item))
    assert held < 4 * ITEM_LIMIT
