"""The generated pages: `python -m tools.docs` writes them, `--check` fails when one is not in step."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

import click

from migrate.cli import cli
from migrate.report.rules_page import rules_page
from migrate.report.schemas import FILES, SCHEMAS
from migrate.run.kube.rights import rights_page

ROOT = Path(__file__).resolve().parent.parent


def commands_page() -> str:
    """Every command's `--help`, as a Markdown page."""
    parts = ["# Commands\n\nGenerated from `migrate/cli/`; `make docs` writes it again."]
    top = click.Context(cli, info_name="docker2cri", max_content_width=100, terminal_width=100)
    parts.append(f"```\n{cli.get_help(top)}\n```")
    for name in sorted(cli.commands):
        context = click.Context(cli.commands[name], info_name=name, parent=top, max_content_width=100, terminal_width=100)
        parts.append(f"## {name}\n\n```\n{cli.commands[name].get_help(context)}\n```")
    return "\n\n".join(parts) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/rules.md": rules_page,
    "docs/commands.md": commands_page,
    "docs/rbac.md": rights_page,
    **{f"docs/schema/{FILES[name]}": make for name, make in SCHEMAS.items()},
}


def main() -> int:
    """Write the pages, or with --check compare them and say what differs."""
    behind = 0
    for path, make in PAGES.items():
        wanted, file = make(), ROOT / path
        found = file.read_text("utf-8") if file.exists() else ""
        if found == wanted:
            continue
        if "--check" in sys.argv:
            behind = 1
            sys.stderr.writelines(difflib.unified_diff(found.splitlines(True), wanted.splitlines(True), path, f"{path} (generated)", n=1))
        else:
            file.write_text(wanted, "utf-8")
            print(f"wrote {path}")
    if behind:
        print("generated pages are not in step: make docs", file=sys.stderr)
    return behind


if __name__ == "__main__":
    sys.exit(main())
