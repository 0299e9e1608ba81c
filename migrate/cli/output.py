"""How results leave the process: which formats and files may be asked for (refused while options are read), and how a text is written."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.cli.terminal import say, show
from migrate.errors import UsageError

if TYPE_CHECKING:
    from migrate.report.style import Style

    Text = click.ParamType[str]
else:
    Text = click.ParamType  # it takes no argument in click 8.1

COLUMNS = "custom-columns="
PLAN_KEYS = frozenset(("digest", "nodes", "target"))


class Form(Text):
    """The value of `-o`: one of the formats that a command writes. Raises UsageError for others."""

    name = "format"

    def __init__(self, *forms: str) -> None:
        self.forms = forms

    @property
    def metavar(self) -> str:
        """The formats as help shows them."""
        return "|".join(self.forms)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The format; a file name in its place is answered with --out."""
        if value in self.forms:
            return value
        again = self._with_file(value) if "." in value or "/" in value else f"-o {self.forms[0]}"
        raise UsageError(seen=f"-o {value}: no such format", expected=f"-o {self.metavar}", next=again)

    def _with_file(self, path: str) -> str:
        return f"--out {path}"


class ReportForm(Form):
    """The value of `-o` of a command that writes a report: also columns of one's own choice."""

    def __init__(self) -> None:
        super().__init__("table", "wide", "json", "yaml", "jsonl", "csv", "markdown", "html", "sarif", "junit")

    @property
    def metavar(self) -> str:
        """The formats as help shows them."""
        return f"{super().metavar}|{COLUMNS}SPEC"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The format; raises UsageError for columns that no row has, too."""
        if not value.startswith(COLUMNS):
            return super().convert(value, param, ctx)
        from migrate.report.records import chosen

        try:
            chosen(value.removeprefix(COLUMNS))
        except ValueError as wrong:
            raise UsageError(seen=f"-o {value}: {wrong}", expected=f"-o {self.metavar}", next=f"-o {COLUMNS}CODE:.code") from wrong
        return value

    def _with_file(self, path: str) -> str:
        suffix = Path(path).suffix.removeprefix(".")
        return f"-o {suffix if suffix in self.forms else 'html'} --out {path}"


class OutFile(Text):
    """The value of `--out`: a file that can be written. Raises UsageError for others."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The path as it was typed."""
        path = Path(value)
        if path.is_dir():
            raise _no_file(value, "it is a directory")
        if path.exists() and not path.is_file():
            raise _no_file(value, "it is no regular file")
        if not path.parent.is_dir():
            raise _no_file(value, f"there is no directory {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise _no_file(value, f"the directory {path.parent} is not writable")
        return value


class PlanFile(OutFile):
    """The value of `plan --out`: a new file, or one that holds a plan."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The path as it was typed; raises UsageError for a file with anything but a plan in it."""
        path = Path(super().convert(value, param, ctx))
        try:
            there = path.read_bytes() if path.exists() else b""
        except OSError as wrong:
            raise _no_file(value, wrong.strerror or str(wrong)) from wrong
        if there and not is_plan(there):
            raise UsageError(
                seen=f"--out {value}: the file exists and holds no plan of docker2cri",
                expected="a new file, or a plan that may be overwritten",
                next=f"name another file, or move it away: mv {value} {value}.old",
            )
        return value


class OutDirectory(Text):
    """The value of `capture --out`: a directory that can be written, or made. Raises UsageError for others."""

    name = "directory"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The path as it was typed."""
        path = Path(value)
        there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            why = "is not writable" if there.is_dir() else "is no directory"
            raise UsageError(
                seen=f"--out {value}: {there} {why}", expected="a directory to write into, or to make", next="name another directory"
            )
        return value


def is_plan(data: bytes) -> bool:
    """Whether this is a plan file of any version, changed by hand or not."""
    from migrate.formats import json_doc

    try:
        value: Any = json_doc.loose(data.decode("utf-8"))
    except ValueError:
        return False
    return isinstance(value, dict) and value.keys() >= PLAN_KEYS


def style(color: str, output: str | None) -> Style:
    """How text is put on standard output: colours only on a terminal, NO_COLOR honoured; 100 columns where there is none."""
    from migrate.report.style import Style

    terminal = output is None and sys.stdout.isatty()
    wanted = color == "always" or (color == "auto" and terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
    return Style(width=min(shutil.get_terminal_size((100, 24)).columns if terminal else 100, 140), color=wanted)


def notice(text: str) -> None:
    """Say on a terminal what is waited for."""
    if sys.stderr.isatty():
        say(f"... {text}")


def result(text: str, output: str | None) -> None:
    """Print a result, or write it to the file that was asked for."""
    if output is None:
        show(text)
    else:
        write(output, text)


def write(path: str, text: str) -> None:
    """Write a file whole, 0600; raises UsageError."""
    from migrate.run.store import put

    try:
        put(Path(path), [text.encode()])
    except OSError as wrong:
        raise _no_file(path, wrong.strerror or str(wrong)) from wrong


def _no_file(path: str, seen: str) -> UsageError:
    return UsageError(seen=f"--out {path}: {seen}", expected="a file that can be written", next="name another file")
