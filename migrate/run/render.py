"""`helm template` and `kubectl kustomize`, kept from the network: a scan reads what is there, and asks nobody for the rest."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from migrate.facts.redact import mask, printable
from migrate.manifests.chart_values import merged, set_values, values_in
from migrate.manifests.split import LIMIT

SECONDS = 60.0
# Nobody listens on port 9 of loopback; git speaks to files alone
OFFLINE = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9"),
    "GIT_ALLOW_PROTOCOL": "file",
    "GIT_TERMINAL_PROMPT": "0",
    "KUBECONFIG": os.devnull,
}
NOT_ASKED = "--no-render was given"
LONGEST = 300  # characters that are told of what a program says
_MISSING = re.compile(r"found in Chart\.yaml, but missing in charts/ directory: ([\w, .@/-]+)")
UNSET = ("NO_PROXY", "no_proxy")


class NotRendered(Exception):
    """Why something could not be rendered, in a few words."""


@dataclass(frozen=True, slots=True)
class Renderers:
    """The programs that render; `environ` is what they run in.

    `values` are the values files for charts, `sets` words as `--set` takes them. `off`: nothing is rendered.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    values: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    kube_version: str = ""
    off: bool = False
    seconds: float = SECONDS

    @property
    def given(self) -> dict[str, Any]:
        """The values that the options give, for charts that are read by their text."""
        found: dict[str, Any] = {}
        for file in self.values:
            found = merged(found, values_in(Path(file).read_text("utf-8", "replace")[:LIMIT]))
        return merged(found, set_values(self.sets))

    def chart(self, path: str) -> str:
        """A chart's manifests with its default values and the given files; raises NotRendered."""
        given = [word for file in self.values for word in ("--values", file)]
        given += [word for pair in self.sets for word in ("--set", pair)]
        given += ["--kube-version", self.kube_version] if self.kube_version else []
        return self._run("helm", ["template", "release", path, *given])

    def kustomization(self, path: str) -> str:
        """What a kustomization builds; raises NotRendered."""
        return self._run("kubectl", ["kustomize", path])

    def _run(self, name: str, arguments: list[str]) -> str:
        if self.off:
            raise NotRendered(NOT_ASKED)
        program = shutil.which(name, path=self.environ.get("PATH", os.defpath))
        if program is None:
            raise NotRendered(f"{name} is not installed")
        environment = {key: value for key, value in self.environ.items() if key not in UNSET} | OFFLINE
        with tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    [program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, env=environment
                )
            except OSError as wrong:
                raise NotRendered(f"{name}: {wrong.strerror}") from wrong
            late = threading.Timer(self.seconds, process.kill)
            late.start()
            with process:
                assert process.stdout is not None
                data = process.stdout.read(LIMIT + 1)
                if len(data) > LIMIT:
                    process.kill()
            late.cancel()
            said = _said(err)
        asked = f"`{name} {arguments[0]}`"
        if len(data) > LIMIT:
            raise NotRendered(f"{asked} gave more than {LIMIT // 1024 // 1024} MiB")
        if process.returncode == -signal.SIGKILL:
            raise NotRendered(f"{asked} took more than {self.seconds:.0f} s")
        if process.returncode:
            raise NotRendered(f"{asked} failed: {said or f'exit code {process.returncode}'}")
        return data.decode("utf-8", "replace")


def _said(err: IO[bytes]) -> str:
    """The end of what a program said: the reason stands there, after the way to it."""
    err.seek(max(0, err.seek(0, os.SEEK_END) - 4096))
    said = mask(printable(" ".join(err.read().decode("utf-8", "replace").split())))
    if missing := _MISSING.search(said):
        names = sorted({name.strip() for name in missing[1].split(",")})
        return f"dependencies are missing in charts/ (helm dependency build): {', '.join(names)}"
    return said if len(said) <= LONGEST else f"... {said[-LONGEST:].partition(' ')[2]}"
