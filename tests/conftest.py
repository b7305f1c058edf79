"""Options and profiles of the test suite."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run; the deep profile draws new ones and prints how to repeat a failure.
settings.register_profile(
    "default",
    derandomize=True,
    database=None,
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "deep",
    max_examples=1000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)

_left_out = pytest.StashKey[list]()


def pytest_addoption(parser):
    parser.addoption("--deep", action="store_true", help="also run deep tests, with more random examples")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    settings.load_profile("deep" if config.getoption("--deep") else "default")
    config.stash[_left_out] = []
    # No test is skipped without its reason being printed.
    if "s" not in config.option.reportchars:
        config.option.reportchars += "s"


def pytest_collection_modifyitems(config, items):
    if config.getoption("--deep"):
        return
    deep = [item for item in items if item.get_closest_marker("deep")]
    if deep:
        config.hook.pytest_deselected(items=deep)
        config.stash[_left_out] = deep
        items[:] = [item for item in items if not item.get_closest_marker("deep")]


def pytest_terminal_summary(terminalreporter, config):
    counts = Counter(item.nodeid.partition("[")[0] for item in config.stash[_left_out])
    for name, count in counts.items():
        cases = "" if count == 1 else f" ({count} cases)"
        terminalreporter.write_line(f"NOT RUN {name}{cases}: deep, give --deep")
