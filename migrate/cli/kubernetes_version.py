"""Versions of Kubernetes as they are typed."""

from __future__ import annotations

import re

import click

from migrate.errors import UsageError


class KubernetesMinor(click.ParamType[tuple[int, int]]):
    """`1.NN`, also `v1.NN.P`, as (major, minor); raises UsageError for anything else."""

    name = "1.NN"

    def convert(self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """The version that a text names."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"v?1\.([0-9]{1,2})(?:\.[0-9]{1,3})?", value)
        if found is None:
            option = param.opts[0] if param else "version"
            raise UsageError(seen=f"{option} {value}: no version of Kubernetes", expected="1.NN, as 1.24", next=f"{option} 1.24")
        return 1, int(found[1])
