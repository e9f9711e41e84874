"""Show what became of the mutations, also where everything passed."""

from __future__ import annotations

import pytest

PROPERTY = "mutations"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write a line per format."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if getattr(report, "when", "") == "call"
    ]
    lines = [text for one in reports for name, text in one.user_properties if name == PROPERTY]
    if lines:
        terminalreporter.section("mutations")
        for line in lines:
            terminalreporter.write_line(str(line))
