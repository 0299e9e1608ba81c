"""A stream cut into documents: whole, in order, with their lines, however the bytes come; never more than the limit is held."""

from __future__ import annotations

from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from migrate.manifests.split import LIMIT, documents, pieces

PARTS = st.sampled_from(["---", "--- # x", "---x", " ---", "a: 1", "b: |", "  ---", "-", "--", "----", "", "...", "# c", "\r"])
TEXTS = st.lists(st.tuples(PARTS, st.sampled_from(["\n", "\r\n"])), max_size=30).map(lambda rows: "".join(line + end for line, end in rows))


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    marks = [0, *sorted({min(size, len(data)) for size in sizes}), len(data)]
    return [data[a:b] for a, b in pairwise(marks) if a != b]


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8))
def test_pieces_are_the_stream_with_its_lines(text: str, sizes: list[int]) -> None:
    data = text.encode()
    found = list(pieces(cut(data, sizes)))
    assert b"".join(piece.data for piece in found) == data
    at = 0
    for piece in found:
        assert not piece.lost
        # a carriage return alone ends a line too; a piece never begins inside a CRLF
        assert piece.first == 1 + len(text[:at].replace("\r\n", "\n").replace("\r", "\n")) - len(
            text[:at].replace("\r\n", "\n").replace("\r", "\n").replace("\n", "")
        )
        at += len(piece.data)


@given(TEXTS, st.lists(st.integers(0, 200), max_size=8))
def test_documents_are_the_same_however_the_bytes_come(text: str, sizes: list[int]) -> None:
    whole = [text[a:b] for a, b in documents(text)]
    cut_up = [piece.data.decode()[a:b] for piece in pieces(cut(text.encode(), sizes)) for a, b in documents(piece.data.decode())]
    assert cut_up == ([] if text == "" else whole)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_documents_are_those_of_yaml(end: str) -> None:
    text = end.join(["a: 1", "---", "b: |", "  ---", "  x", "--- # note", "c: '---'", "---", "d: -----", ""])
    assert [yaml.safe_load(text[a:b]) for a, b in documents(text)] == list(yaml.safe_load_all(text))


def test_a_document_over_the_limit_is_told_and_the_next_one_read() -> None:
    blocks = [b"a: 1\n---\n" + b"x: y\n" * 10, *[b"x: y\n" * 10] * 5, b"---\nz: 1\n", b"---\nlast: 1\n"]
    found = list(pieces(blocks, limit=100))
    assert [(piece.first, not piece.lost, len(piece.data)) for piece in found] == [
        (1, True, 5),
        (2, False, 0),
        (63, True, 9),
        (65, True, 12),
    ]
    assert found[-1].data == b"---\nlast: 1\n"


def test_a_document_over_the_limit_that_ends_in_its_last_block() -> None:
    found = list(pieces([b"x: y\n" * 10, b"x: y\n" * 10 + b"---\nz: 1\n---\nlast: 1\n"], limit=80))
    assert [(piece.first, not piece.lost, piece.data[-5:]) for piece in found] == [
        (1, False, b""),
        (21, True, b"z: 1\n"),
        (23, True, b"t: 1\n"),
    ]


def test_a_huge_document_is_never_held_whole() -> None:
    held = max(len(piece.data) for piece in pieces(b"x" * 1024 * 1024 for _ in range(40)))
    assert held <= LIMIT


@pytest.mark.parametrize("flood", ["\n---x", "-", "\n--", "\r---y"])
def test_floods_of_half_separators_are_one_document(flood: str) -> None:
    text = flood * (400_000 // len(flood))
    assert len(list(documents(text))) == 1
    assert sum(len(piece.data) for piece in pieces([text.encode()])) == len(text)
