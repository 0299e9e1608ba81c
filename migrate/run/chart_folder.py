"""Which files below a chart's folder are read with the chart."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

VALUES = "values.yaml"
TEMPLATES = (".yaml", ".yml", ".json", ".tpl")


@dataclass(frozen=True, slots=True)
class ChartFolder:
    """A chart's folder, and whether it was rendered."""

    path: str
    rendered: bool

    def reads(self, path: str) -> bool:
        """Whether a file below is read with the chart: templates and values, its own and those of its subcharts."""
        parts = self._inside(path, 2)
        archive = self.rendered and len(parts) == 2 and parts[0] == "charts" and parts[1].endswith(".tgz")
        return archive or parts == [VALUES] or (parts[0] == "templates" and parts[-1].endswith(TEMPLATES))

    def has_subchart(self, path: str) -> bool:
        """Whether a folder is that of a subchart, which is read with the chart around it."""
        return not self._inside(path, 1)

    def innermost(self, path: str) -> str:
        """The folder of the chart that a file belongs to: this one, or that of a subchart."""
        parts = os.path.relpath(path, self.path).split(os.sep)
        left = self._inside(path, 2)
        return os.path.join(self.path, *parts[: len(parts) - len(left)])

    def _inside(self, path: str, least: int) -> list[str]:
        """The way to a path from the innermost chart around it."""
        parts = os.path.relpath(path, self.path).split(os.sep)
        while parts[:1] == ["charts"] and len(parts) > least:
            parts = parts[2:]
        return parts


def is_library(chart: str) -> bool:
    """Whether the chart with this Chart.yaml is a library, which is a part of others and makes nothing by itself (helm.sh)."""
    return re.search(r"^type:[ \t]*[\"']?library\b", chart, re.MULTILINE) is not None


def sources(text: str) -> Iterator[tuple[str, str]]:
    """The documents of `helm template`, each with the template that its comment names; `helm` writes the chart's name first."""
    template, lines = "", list[str]()
    for line in text.splitlines(keepends=True):
        if line.startswith("---"):
            if lines:
                yield template, "".join(lines)
            lines = []
        elif line.startswith("# Source: ") and not any(earlier.strip("- \n") for earlier in lines):
            template = line.removeprefix("# Source: ").strip()
        lines.append(line)
    if lines:
        yield template, "".join(lines)
