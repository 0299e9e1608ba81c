import pytest

from migrate.formats import FormatError, version
from migrate.formats.version import Version


@pytest.mark.parametrize(
    ("text", "major", "minor", "patch", "suffix"),
    [
        ("v1.23.17", 1, 23, 17, ""),
        ("v1.24.9-gke.3200", 1, 24, 9, "-gke.3200"),
        ("v1.23.17-eks-a5565ad", 1, 23, 17, "-eks-a5565ad"),
        ("v1.27.4+k3s1", 1, 27, 4, "+k3s1"),
        ("v1.25.0-alpha.1+abc", 1, 25, 0, "-alpha.1+abc"),
        ("20.10.24+dfsg1", 20, 10, 24, "+dfsg1"),
        ("19.03.15", 19, 3, 15, ""),
        ("1.6.20~ds1", 1, 6, 20, "~ds1"),
        ("1.6.20~ds1-1+deb12u3", 1, 6, 20, "~ds1-1+deb12u3"),
        ("5:20.10.21~3-0~ubuntu", 20, 10, 21, "~3-0~ubuntu"),
        ("3.10.0-1160.el7.x86_64", 3, 10, 0, "-1160.el7.x86_64"),
        ("1.2.3.4", 1, 2, 3, ".4"),
    ],
)
def test_versions(text, major, minor, patch, suffix):
    found = version.parse(text)
    assert (found.major, found.minor, found.patch, found.suffix, found.release) == (major, minor, patch, suffix, (major, minor))
    assert str(found) == f"{major}.{minor}.{patch}{suffix}"


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.24", "v1.24", "1.23+", "latest", " 1.2.3", "1.2.3\n", "1.2.x", "1.2.3 beta", "1.2.3beta", "١.2.3", "1" * 9 + ".1.1"],
)
def test_no_versions(text):
    with pytest.raises(FormatError, match="three numbers"):
        version.parse(text)


def test_numbers_alone_decide_the_order():
    given = [version.parse(t) for t in ("1.10.0", "1.9.9-x", "2.0.0", "1.9.10")]
    assert [str(v) for v in sorted(given)] == ["1.9.9-x", "1.9.10", "1.10.0", "2.0.0"]
    assert version.parse("1.6.20~ds1") == Version(1, 6, 20)
