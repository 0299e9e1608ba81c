"""The end of the demo: the node program's switch and rollback on a scratch copy of a captured node's files, compared byte for byte.

The interpreter, its journal and the files are the real ones; systemctl, docker, ctr and iptables are simulated by tests/node/stubs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.node.scratch import Scratch


def main() -> int:
    """Run it and say what was seen; 1 when the rollback did not end where it began."""
    with tempfile.TemporaryDirectory() as folder:
        node = Scratch(Path(folder) / "root", ("sh",))
        tree, state = node.tree(), node.state()
        print(f"A scratch copy of {node.plan.host}: {len(tree)} paths. Services are simulated; files, program and journal are real.\n")
        for verb in (("forward", "prepare"), ("forward", "switch")):
            ended = node.verb(*verb)
            print(f"$ sh program.sh {' '.join(verb)}\n{(ended.out or ended.err).strip()} (exit code {ended.code})")
        after = node.tree()
        changed = [path for path in sorted(tree.keys() | after.keys()) if tree.get(path) != after.get(path)]
        print(f"\n{len(changed)} paths are new or changed:")
        for path in changed:
            print(f"  {'+' if path not in tree else '~'} /{path}")
        print(f"running: {', '.join(sorted(node.state()['units']))}\n")  # type: ignore[call-overload]
        ended = node.verb("rollback")
        print(f"$ sh program.sh rollback\n{(ended.out or ended.err).strip()} (exit code {ended.code})")
        same = node.tree() == tree and node.state()["units"] == state["units"]
        print(
            f"\n{len(node.entries())} journal entries; " + ("every byte, mode and unit is as before." if same else "IT IS NOT AS BEFORE.")
        )
        return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
