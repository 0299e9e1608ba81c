"""Mutated inputs for every parser and decoder: `python -m tests.fuzz` (`make fuzz`); a bounded run is among the tests."""
