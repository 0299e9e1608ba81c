"""The commands that hold all operators of a cluster, and let them go on."""

from __future__ import annotations

import getpass
import re
import socket
from typing import TYPE_CHECKING

import click

from migrate.cli.options import debug_option, kubeconfig_options
from migrate.cli.terminal import say
from migrate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from migrate.run.kube.port import ActingCluster


def _cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed((*kubeconfig_options, debug_option)):
        command = option(command)
    return command


@click.command()
@_cluster_options
@click.option("--reason", required=True, metavar="TEXT", help="Why, for everybody who meets the pause.")
def pause(kubeconfig: str | None, context: str | None, reason: str) -> int:
    """Hold every operator of this cluster: a node inside its switch is finished, nothing new is begun until `resume`."""
    from migrate.run.clock import SystemClock
    from migrate.run.pause import held_words
    from migrate.run.pause import pause as hold

    if not reason.strip() or not reason.isprintable():
        raise UsageError(seen=f"--reason {reason!r}", expected="a reason in one line", next='--reason "the network is changed until noon"')
    lease = hold(acting_cluster(kubeconfig, context), SystemClock(), _person(), reason.strip())
    assert lease.paused is not None
    say(f"all operators are {held_words(lease.paused)}; docker2cri resume releases them", err=False)
    return 0


@click.command()
@_cluster_options
def resume(kubeconfig: str | None, context: str | None) -> int:
    """Release what `pause` holds: operators that wait go on by themselves, others when they are started again."""
    from migrate.run.pause import held_words
    from migrate.run.pause import resume as release

    was = release(acting_cluster(kubeconfig, context)).paused
    say(f"resumed; it was {held_words(was)}" if was else "nothing to do: it is not paused", err=False)
    return 0


@click.command()
@click.argument("approved", metavar="RUN@DIGEST|DIGEST")
@_cluster_options
@click.option("--stage", metavar="N", type=click.IntRange(1, 100000), help="Up to this stage alone (default: all that are left).")
def approve(approved: str, kubeconfig: str | None, context: str | None, stage: int | None) -> int:
    """Approve the later stages of a plan whose gates ask for it, by its digest: a run that waits goes on by itself."""
    from migrate.run.clock import SystemClock
    from migrate.run.pause import approve as let

    digest = _digest(approved)
    lease = let(acting_cluster(kubeconfig, context), SystemClock(), _person(), digest, stage or 0)
    assert lease.approved is not None
    what = f"stages up to {lease.approved.stage}" if lease.approved.stage else "all stages"
    say(f"{what} of the plan {digest} are approved by {lease.approved.by} since {lease.approved.at[:19]}Z", err=False)
    return 0


def _digest(text: str) -> str:
    """The digest of a plan; raises UsageError for what is none, or one of another run."""
    run, at, digest = text.rpartition("@")
    hexadecimal = digest.removeprefix("sha256:")
    whole = digest.startswith("sha256:") and re.fullmatch("[0-9a-f]{64}", hexadecimal)
    if not whole or (at and not (run and hexadecimal.startswith(run))):
        raise UsageError(
            seen=f"{text}: no digest of a plan" if not whole else f"{text}: the digest is of run {hexadecimal[:12]}",
            expected="RUN@sha256:HEX, as `apply` tells it; the `digest` in the plan file",
            next="docker2cri approve RUN@DIGEST, copied from the text of `apply`",
        )
    return digest


def acting_cluster(kubeconfig: str | None, context: str | None) -> ActingCluster:
    """The cluster, for a command that writes its Lease alone."""
    import os

    from migrate.run.clock import SystemClock
    from migrate.run.kube.client import connect
    from migrate.run.kube.writes import acting

    cluster = connect(kubeconfig=kubeconfig, context=context, environ=os.environ, clock=SystemClock())
    return acting(cluster, lambda event: None, patience=20.0, role="pause")


def _person() -> str:
    return f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a UID without a name, as in containers
        return "unknown"
