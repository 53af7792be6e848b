"""What was tried, told at the end of ``make stress``."""

from __future__ import annotations

import os
import signal

# A shell has what it starts in the background ignore Ctrl-C, and so would all that is started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# On arrays this small threads only wait for each other; torch reads it when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# scikit-learn asks for it, SciPy reads it when it is imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")


def pytest_terminal_summary(terminalreporter):
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    rows = [dict(report.user_properties)["tried"] for report in reports if report.user_properties]
    terminalreporter.section("tried")
    for name, outcomes in sorted(rows, key=lambda row: row[0]):
        told = ", ".join(f"{outcome} {count:,}" for outcome, count in sorted(outcomes.items()))
        terminalreporter.write_line(f"{name:<40} {sum(outcomes.values()):>9,}  {told}")
    total = sum(sum(outcomes.values()) for _, outcomes in rows)
    terminalreporter.write_line(f"{'in all':<40} {total:>9,}")
