"""The actions of a template: where each stands, and which branches they make of the text between them. Go templates and Jinja."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.manifests.expression import ROOT, UNKNOWN, evaluate, truth

JINJA = (".j2", ".jinja", ".jinja2")
GO = (".tpl", ".tmpl", ".gotmpl")
_STRING = r"""\"(?:\\.|[^\"\\\n])*+(?:\"|(?=\n)|\Z)|`[^`]*+(?:`|\Z)|'(?:\\.|[^'\\\n])*+(?:'|(?=\n)|\Z)"""
# What stands in an action, up to its braces; a string that does not end goes to the end of its line
_GO = re.compile(rf"\{{\{{(?P<said>(?:[^}}\"`'{{]|{_STRING}|\}}(?!\}})|\{{(?!\{{))*+)")
_JINJA = re.compile(rf"\{{[{{%](?P<said>(?:[^}}%\"`'{{]|{_STRING}|[}}%](?!\}})|\{{(?![{{%]))*+)")
_WORD = re.compile(r"[a-z]+")
_OPENING = frozenset(("if", "with", "range", "define", "block", "for", "macro", "filter", "call"))
_ELSE = frozenset(("else", "elif"))
_SILENT = frozenset(("break", "continue"))
_ASSIGNS = re.compile(r"\$\w*\s{0,20}:?=(?!=)|\$\w+\s{0,20},")
_ASSIGNED = re.compile(r"\$(\w+)\s{0,20}(:?=)(?!=)(.*)", re.DOTALL)
_DECLARED = re.compile(r"\$(\w+)\s{0,20}(?=:=|,)")
_DEFAULTED = re.compile(
    r"""[\w.\[\]'"]{1,200}\s{0,20}\|\s{0,20}(?:default|d)\(\s{0,20}(?:'([^'\\]*)'|"([^"\\]*)")\s{0,20}(?:,[^()]{0,40})?\)"""
)
_DEEPEST = 100
_LONGEST = 10_000  # characters that repeated assignments put together
_GONE: Any = object()


def bare_name(path: str) -> str:
    """The path of a template's output: without the ending that says that it is one."""
    return next((path.removesuffix(end) for end in (*JINJA, *GO) if path.endswith(end)), path)


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its span with the braces, what it says; a `control` puts nothing in. Only a `sure` value is certain."""

    start: int
    end: int
    said: str
    control: bool
    value: Any = UNKNOWN
    sure: bool = True


@dataclass(slots=True)
class Branch:
    """One of the alternatives of a chain (`if`, `else if`, `else`): its span, and whether it is taken, None where that is not known."""

    chain: int
    start: int
    end: int
    taken: bool | None
    word: str = "if"


@dataclass(slots=True)
class _Open:
    chain: int
    word: str
    branch: Branch
    dot: Any
    left: bool | None = True  # whether a later branch of the chain is still possible
    hidden: dict[str, Any] = field(default_factory=dict)  # variables of outside that its own ones hide


@dataclass(frozen=True, slots=True)
class Actions:
    """All actions of a text, and the branches in it."""

    actions: tuple[Action, ...]
    branches: tuple[Branch, ...] = field(default=())


def actions_of(text: str, values: Mapping[str, Any] | None, *, jinja: bool = False) -> Actions:
    """Find the actions of a template; `values` decide conditions where they can. What does not fit together is taken as it comes."""
    found: list[Action] = []
    branches: list[Branch] = []
    stack: list[_Open] = []
    variables: dict[str, Any] = {}
    for start, end, said, silent in _spans(text, jinja):
        word = _first(said) if silent else ""
        dot = stack[-1].dot if stack else ROOT
        control = silent is None or (silent if jinja else _is_control(word, said))
        value = UNKNOWN if control else _default_of(said) if jinja else evaluate(said, values, dot, variables)
        found.append(Action(start, end, said, control, value, sure=not jinja))
        if not jinja and (assigned := _ASSIGNED.fullmatch(said)):
            _assign(assigned, evaluate(assigned[3], values, dot, variables), variables, stack)
        if word in _OPENING and len(stack) < _DEEPEST:
            condition = said[len(word) :].strip()
            value = UNKNOWN if jinja or word not in ("if", "with") or ":=" in condition else evaluate(condition, values, dot, variables)
            branch = Branch(len(branches), end, len(text), truth(value), word)
            branches.append(branch)
            inner = value if word == "with" else UNKNOWN if word in ("range", "for") else ROOT if word == "define" else dot
            stack.append(_Open(branch.chain, word, branch, inner, _later(True, branch.taken)))
            for name in _DECLARED.findall(condition) if ":=" in condition and not jinja else ():
                stack[-1].hidden.setdefault(name, variables.get(name, _GONE))
                variables[name] = UNKNOWN
        elif word in _ELSE and stack:
            opened = stack[-1]
            opened.branch.end = start
            rest = said[len(word) :].strip()
            condition = rest.removeprefix("if").strip() if rest.startswith("if") else rest if word == "elif" else ""
            taken = truth(evaluate(condition, values, dot, variables)) if condition and not jinja else None if condition else True
            opened.branch = Branch(opened.chain, end, len(text), _both(opened.left, taken))
            opened.left = _later(opened.left, taken)
            branches.append(opened.branch)
            opened.dot = (stack[-2].dot if len(stack) > 1 else ROOT) if opened.word == "with" else opened.dot
        elif word.startswith("end") and stack:
            closed = stack.pop()
            closed.branch.end = start
            variables.update(closed.hidden)
            for name in [name for name, value in closed.hidden.items() if value is _GONE]:
                del variables[name]
    return Actions(tuple(found), tuple(branches))


def _default_of(said: str) -> Any:
    """Of Jinja, whose values are elsewhere, the default that is written beside a variable."""
    found = _DEFAULTED.fullmatch(said)
    return (found[1] if found[1] is not None else found[2]) if found else UNKNOWN


def _assign(found: re.Match[str], value: Any, variables: dict[str, Any], stack: list[_Open]) -> None:
    """Set a variable; where it is not certain that it is set, it is not known afterwards. A declaration ends with its block."""
    name, declared = found[1], found[2] == ":="
    if isinstance(value, str) and len(value) > _LONGEST:
        value = UNKNOWN
    if declared and stack:
        stack[-1].hidden.setdefault(name, variables.get(name, _GONE))
    elif not declared and any(opened.branch.taken is not True for opened in stack):
        value = variables.get(name, UNKNOWN) if any(opened.branch.taken is False for opened in stack) else UNKNOWN
    variables[name] = value


def _is_control(word: str, said: str) -> bool:
    return word in (*_OPENING, *_ELSE, *_SILENT) or word == "end" or _ASSIGNS.match(said) is not None


def _both(left: bool | None, taken: bool | None) -> bool | None:
    if left is False or taken is False:
        return False
    return True if left and taken else None


def _later(left: bool | None, taken: bool | None) -> bool | None:
    """Whether branches after one are possible: not after one that is taken for certain."""
    if left is False or taken is True:
        return False
    return left if taken is False else None


def _first(said: str) -> str:
    found = _WORD.match(said)
    return found[0] if found and said[found.end() : found.end() + 1] not in ("(", ".", "_") else ""


def _spans(text: str, jinja: bool) -> Iterator[tuple[int, int, str, bool | None]]:
    """Start, end and words of each action; then None for a comment, False for what only puts a value in (Jinja), else True."""
    at, comments = 0, True
    while (at := text.find("{", at)) >= 0:
        if text[at + 1 : at + 2] not in ("{", "%", "#"):
            at += 1
            continue
        if comments and (opening := _comment(text, at, jinja)):
            closing = "#}" if jinja else "*/"
            end = text.find(closing, at + opening)
            if end >= 0:
                end += 2
                end = end if jinja else _past(text, end)
                yield at, end, "", None
                at = end
                continue
            comments = False
        found = _JINJA.match(text, at) if jinja else _GO.match(text, at)
        if found is None or text[found.end() : found.end() + 2] not in ("}}", "%}"):
            at = found.end() if found else at + 1
            continue
        yield at, found.end() + 2, found["said"].strip(" \t\r\n-+"), not jinja or text[at + 1] == "%"
        at = found.end() + 2


def _comment(text: str, at: int, jinja: bool) -> int:
    """The length of what opens a comment at a place, 0 where none does."""
    if jinja:
        return 2 if text.startswith("{#", at) else 0
    head = text[at : at + 100]
    inner = head[2:].removeprefix("-").lstrip()
    return len(head) - len(inner) + 2 if head.startswith("{{") and inner.startswith("/*") else 0


def _past(text: str, at: int) -> int:
    """Behind the braces that close a comment."""
    rest = text[at : at + 100]
    bare = rest.lstrip().removeprefix("-")
    return at + len(rest) - len(bare) + 2 if bare.startswith("}}") else at
