from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats import FormatError, quantity
from migrate.formats.quantity import Threshold


# The numbers are answers of docker/go-units 0.4.0 and apimachinery 0.23.17.
@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("10m", 10_000_000),
        ("10M", 10_000_000),
        ("64MB", 64_000_000),
        ("1.5 gib", 1_500_000_000),
        ("0", 0),
        ("100", 100),
        ("7b", 7),
        ("1t", 10**12),
    ],
)
def test_docker_sizes(text, decimal):
    assert quantity.docker_size(text) == decimal


@pytest.mark.parametrize("text", ["", "m", "-1", "10x", "10 m b", "1e3", "10mm", "1.", ".5k", "10i", "10ki", "1" * 70])
def test_no_docker_sizes(text):
    with pytest.raises(FormatError):
        quantity.docker_size(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10Mi", 10_485_760),
        ("10M", 10_000_000),
        ("1.5Gi", 1_610_612_736),
        ("100m", Fraction(1, 10)),
        ("1E", 10**18),
        ("1e3", 1000),
        ("5E-1", Fraction(1, 2)),
        ("0", 0),
        ("+2k", 2000),
        (".5Ki", 512),
        ("1.G", 10**9),
    ],
)
def test_kubernetes_quantities(text, value):
    assert quantity.quantity(text) == value


def test_quantities_are_exact():
    assert quantity.quantity("100m") == Fraction(1, 10)
    assert quantity.quantity("-1n") == Fraction(-1, 10**9)


@pytest.mark.parametrize("text", ["", "Mi", "10mi", "10KB", "10 M", "1e", "1e999", "--1", "ten", "1" * 70])
def test_no_quantities(text):
    with pytest.raises(FormatError):
        quantity.quantity(text)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (7, "7"), (10_000_000, "10M"), (10_485_760, "10Mi"), (1000, "1k"), (1024, "1Ki"), (1500, "1500")]
)
def test_bytes_are_written_as_quantities(count, text):
    assert quantity.as_quantity(count) == text


@given(st.integers(0, 2**62))
def test_written_quantities_are_read_back(count):
    assert quantity.quantity(quantity.as_quantity(count)) == count


def test_eviction_thresholds():
    text = "memory.available<100Mi, nodefs.available<10%,imagefs.available<0%,nodefs.inodesFree<5.5%"
    values = quantity.threshold_map(text)
    assert values == {"memory.available": "100Mi", "nodefs.available": "10%", "imagefs.available": "0%", "nodefs.inodesFree": "5.5%"}
    assert [quantity.threshold(signal, value) for signal, value in values.items()] == [
        Threshold("memory.available", Fraction(104_857_600), None),
        Threshold("nodefs.available", None, Fraction(10)),
        None,
        Threshold("nodefs.inodesFree", None, Fraction(11, 2)),
    ]
    assert quantity.threshold_map("") == {}
    assert quantity.threshold("pid.available", "100%") is None


@pytest.mark.parametrize(
    ("signal", "value"),
    [("disk", "1%"), ("pid.available", "101%"), ("pid.available", "0"), ("pid.available", "-1%"), ("pid.available", "%")],
)
def test_thresholds_that_the_kubelet_refuses(signal, value):
    with pytest.raises(FormatError):
        quantity.threshold(signal, value)


def test_a_threshold_needs_its_sign():
    with pytest.raises(FormatError, match=r"'memory\.available=1' is no threshold"):
        quantity.threshold_map("memory.available=1")
