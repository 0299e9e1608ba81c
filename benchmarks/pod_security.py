"""The fixtures of kubernetes/pod-security-admission, each judged through the command line at its own version.

    go mod download -json k8s.io/pod-security-admission@v0.37.2     # prints Dir
    python -m benchmarks.pod_security DIR/test/testdata

A fixture LEVEL/v1.NN/pass must meet LEVEL with the checks of 1.NN, one of LEVEL/v1.NN/fail must not.
"""

import json
import subprocess
import sys
from pathlib import Path

ORDER = ("privileged", "baseline", "restricted")
PROGRAM = Path(sys.executable).parent / "docker2cri"


def levels(folders: list[Path], version: str) -> dict[str, str]:
    """The level of the pod of each file below folders, by path."""
    command = [str(PROGRAM), "scan", "--all-workloads", "--kubernetes", version, "--fail-on", "never", "-o", "json", *map(str, folders)]
    report = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert report["pod_security_version"] == version.removeprefix("v")
    return {workload["location"]["path"]: workload["pod_security"] for workload in report["workloads"]}


def main() -> int:
    """Every version of the folder; prints what is wrong, and how many were right."""
    root = Path(sys.argv[1])
    versions = sorted({path.name for level in ORDER for path in (root / level).glob("v*")}, key=lambda name: int(name.partition(".")[2]))
    right = wrong = 0
    for version in versions:
        found = levels([folder for level in ORDER if (folder := root / level / version).is_dir()], version)
        for path, level in found.items():
            asked, _, verdict = Path(path).relative_to(root).parts[:3]
            if (ORDER.index(level) >= ORDER.index(asked)) == (verdict == "pass"):
                right += 1
            else:
                wrong += 1
                print(f"{path}: {level}")
    files = sum(1 for _ in root.rglob("*.yaml"))
    print(f"{right} of {files} fixtures of {len(versions)} versions are right, {wrong} wrong, {files - right - wrong} not judged")
    return 1 if right < files else 0


if __name__ == "__main__":
    sys.exit(main())
