"""What the benchmarks share."""

import logging

import structlog


def quiet() -> None:
    """Log warnings only, as on a terminal: the figures should not be those of the log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
