"""Trials: one check of many random cases, by number or by time.

A kind of trial is a test: ``@trials(count, name=strategy, …)`` over a function that takes a case
and returns a word for what it found. Hypothesis makes the cases, and one that fails as small as it
can. ``make test`` tries `count` of one seed. The environment may ask for

- ``STRESS_SECONDS``: batches of `count`, each of a new seed, until so many seconds have been shared
  among the kinds; every failure is printed with its seed, and ends nothing;
- ``STRESS_SEED``: that batch again.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.strategies import SearchStrategy

__all__ = ["trials"]

Check = Callable[..., str]

QUICKLY = {"deadline": None, "database": None, "verbosity": Verbosity.quiet}


def trials(count: int, *, shrink: bool = True, **case: SearchStrategy[Any]) -> Callable[..., Any]:
    """Make of a check a test of cases whose arguments are drawn from the strategies `case`.

    What depends on the moment, such as an interrupt, may fail only once: ``shrink=False``.
    """

    def as_test(check: Check) -> Callable[..., None]:
        def test(request: pytest.FixtureRequest, record_property: Callable[..., None]) -> None:
            counts: Counter[str] = Counter()
            failures: dict[str, tuple[str, Exception]] = {}
            for number in _seeds(request):
                failed = _batch(check, case, counts, number, count, shrink)
                if failed is not None:
                    found, error = failed
                    counts["FAILED"] += 1
                    again = f"STRESS_SEED={number} python -m pytest {request.node.nodeid}"
                    report = f"{again}\n  {found}\n  {type(error).__name__}: {str(error)[:2000]}"
                    failures.setdefault(_place(error), (report, error))
            record_property("tried", (request.node.name, dict(counts)))
            if failures:
                texts, errors = zip(*failures.values(), strict=True)
                raise AssertionError("\n".join(("", *texts))) from errors[0]

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return as_test


def _seeds(request: pytest.FixtureRequest) -> Iterator[int]:
    """One seed, or new ones until this kind's share of the time asked for is over."""
    if "STRESS_SECONDS" not in os.environ:
        yield int(os.environ.get("STRESS_SEED", "0"))
        return
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = float(os.environ["STRESS_SECONDS"]) * workers / request.session.testscollected
    end = time.monotonic() + share
    while time.monotonic() < end:
        yield secrets.randbits(32)


def _batch(
    check: Check,
    case: dict[str, SearchStrategy[Any]],
    counts: Counter[str],
    number: int,
    count: int,
    shrink: bool,
) -> tuple[str, Exception] | None:
    """Count what a batch of one seed finds; return its smallest failing case, if one fails."""
    smallest: tuple[str, Exception] | None = None
    # The first case is always the simplest that there is: of a few slow ones, one too many.
    skip = not shrink

    @seed(number)
    @settings(
        max_examples=count + skip,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        **QUICKLY,
    )
    @given(**case)
    def drawn(**arguments: Any) -> None:
        nonlocal smallest, skip
        if skip:
            skip = False
            return
        try:
            counts[check(**arguments)] += 1
        except Exception as error:
            smallest = ", ".join(f"{name}={value!r}" for name, value in arguments.items()), error
            raise

    try:
        drawn()
    except Exception:  # the failure, or that it did not happen twice: each is in `smallest`
        if smallest is None:
            raise
    return smallest


def _place(error: Exception) -> str:
    """The kind of an error and the line that raised it: one fault, however many cases show it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = trace and (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return f"{type(error).__name__} {where}"
