"""The commands that hold all operators of a cluster, and let them go on."""

from __future__ import annotations

import getpass
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
    by = f"{_user()}@{socket.gethostname()}"
    lease = hold(acting_cluster(kubeconfig, context), SystemClock(), by, reason.strip())
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


def acting_cluster(kubeconfig: str | None, context: str | None) -> ActingCluster:
    """The cluster, for a command that writes its Lease alone."""
    import os

    from migrate.run.clock import SystemClock
    from migrate.run.kube.client import connect
    from migrate.run.kube.writes import acting

    cluster = connect(kubeconfig=kubeconfig, context=context, environ=os.environ, clock=SystemClock())
    return acting(cluster, lambda event: None, patience=20.0, role="pause")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a UID without a name, as in containers
        return "unknown"
