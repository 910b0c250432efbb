"""Promises of Rupor, one folder per package. A package by name, so that no stray `tests` of a library is taken for it."""
