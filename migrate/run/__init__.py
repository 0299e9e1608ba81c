"""Doing it: the only package that talks to machines."""
