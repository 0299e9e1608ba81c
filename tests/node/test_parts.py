"""The text of the node program's parts: lines, words, what each part may know, and the variables that one hands to another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from migrate.node import PARTS
from migrate.targets.table import TARGETS
from tests.node.shell_names import Use, functions, names_read, names_set, shared

ROOT = Path(__file__).resolve().parent.parent.parent
NODE = ROOT / "migrate/node"
PAGE = ROOT / "docs/design/node-globals.md"
SOURCE = "docker.sh"
OF_TARGETS = frozenset(one.node_part for one in TARGETS)
IN_PROGRAM = frozenset((*PARTS, SOURCE, *OF_TARGETS))
ROW = re.compile(r"\| `(\w+)` \| (.+) \| (.+) \| (.+) \| (.+) \|")
# words that the glossary has others for, or that say less than who or what is meant
WORDS = re.compile(r"vacate|settle|shelve|\bthe way back|\bgoes back|somebody|anybody|nobody|\banew\b|parked|\bmend", re.IGNORECASE)
# what is written on the node, and read by those who ask for its status
OWN_NAMES = re.compile(r"docker2cri|/docker-stopped|docker=(kept|stopped|free)")


def text_of(part: str) -> str:
    return (NODE / part).read_text("utf-8")


def test_lines_are_short() -> None:
    files = (*NODE.glob("*.sh"), NODE / "README.txt")
    assert [f"{path.name}: {line}" for path in files for line in path.read_text("utf-8").splitlines() if len(line) >= 120] == []


def test_every_script_is_a_part_or_known() -> None:
    assert {path.name for path in NODE.glob("*.sh")} == IN_PROGRAM | {"restore.sh", "probe.sh"}


def test_its_words_are_those_of_the_glossary() -> None:
    said = [(path.name, found.group()) for path in NODE.iterdir() if path.is_file() for found in WORDS.finditer(path.read_text("utf-8"))]
    assert said == []


@pytest.mark.parametrize("part", sorted(IN_PROGRAM - {SOURCE}))
def test_only_the_source_s_part_knows_the_source(part: str) -> None:
    said = [line for line in text_of(part).splitlines() if re.search("docker|moby", OWN_NAMES.sub("", line), re.IGNORECASE)]
    assert said == []


def test_the_variables_that_parts_hand_to_each_other_are_on_their_page() -> None:
    every = frozenset(IN_PROGRAM)

    def parts(cell: str) -> frozenset[str]:
        return every if cell == "all" else frozenset(f"{word}.sh" for word in cell.split(", "))

    rows = [found.groups() for found in ROW.finditer(PAGE.read_text("utf-8"))]
    told = {name: Use(parts(sets), parts(reads)) for name, _, sets, reads, _ in rows}
    assert len(told) == len(rows)
    assert told == shared({part: text_of(part) for part in IN_PROGRAM}, OF_TARGETS)


SCRIPT = r"""
one=1 two="$one b" three=
# not=$comment
first() {
  four=$(dd if="$two" bs=1 count=$((five + 2)) 2>&1) && six=7
  printf '%s seven=$literal' "eight=$nine"
  if said=$(x); then ten=; else eleven=${twelve%/*}; fi
  while read -r a _ b; do case $a in x) c=$b ;; esac; done
  for each in $list; do :; done
  eval "kind=\$kind_$1 way=\$way_$1"
}
second() { thirteen=${#fourteen}; }
"""


def test_what_is_set_and_read_is_found() -> None:
    first, second, outside = functions(SCRIPT)
    assert names_set(outside) == {"one", "two", "three"}
    assert names_set(first) == {"four", "six", "said", "ten", "eleven", "a", "_", "b", "c", "each", "kind", "way"}
    assert names_read(first) == {"two", "five", "nine", "twelve", "a", "b", "list"}
    assert (names_set(second), names_read(second)) == ({"thirteen"}, {"fourteen"})


def test_what_one_part_hands_to_another_is_found() -> None:
    parts = {
        "a.sh": "x=1\nf() { each=1; echo $each; }\n",
        "b.sh": "g() { echo $x; }\nh() { each=2; }\n",
        "c.sh": "own=1\ni() { echo $own; }\n",
    }
    assert shared(parts, frozenset()) == {"x": Use(frozenset(("a.sh",)), frozenset(("b.sh",)))}
    assert shared(parts, frozenset(("a.sh", "b.sh"))) == {}
