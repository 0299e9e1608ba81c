"""The command line: options -> one call -> report -> exit code. Everything heavy is imported inside the commands."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from migrate import __version__
from migrate.cli.act import apply, release, rollback, verify
from migrate.cli.cleanup import cleanup
from migrate.cli.inspect import capture, explain, inspect
from migrate.cli.lease import approve, pause, resume
from migrate.cli.plan import plan
from migrate.cli.report import rbac, report, schema
from migrate.cli.scan import scan
from migrate.cli.status import status
from migrate.cli.terminal import say
from migrate.errors import MigrateError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "DOCKER2CRI", "max_content_width": 100})
@click.version_option(__version__, prog_name="docker2cri")
def cli() -> None:
    """Take a Kubernetes cluster off Docker: inspect it, plan the move of each node to containerd or CRI-O, apply the plan, roll it back."""


for command in (
    inspect,
    scan,
    plan,
    apply,
    status,
    verify,
    rollback,
    cleanup,
    release,
    pause,
    resume,
    approve,
    capture,
    report,
    explain,
    schema,
    rbac,
):
    cli.add_command(command)


def main() -> None:
    """The console script: every failure one message on standard error, and the documented exit code."""
    try:
        name = "kubectl docker2cri" if Path(sys.argv[0]).name == "kubectl-docker2cri" else "docker2cri"
        code = cli.main(prog_name=name, standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(2)
    except MigrateError as wrong:
        say(str(wrong))
        sys.exit(wrong.exit_code)
    except KeyboardInterrupt:
        say("interrupted; nothing was changed")
        sys.exit(130)
    except Exception as wrong:
        if "--debug" in sys.argv:
            raise
        say(f"unexpected {type(wrong).__name__}: {wrong}\n  expected: no defect of this program\n  next: repeat with --debug")
        sys.exit(1)
