"""Promises of Rupor, a folder per package. Has a name of its own, lest a stray `tests` of a library be taken for it."""
