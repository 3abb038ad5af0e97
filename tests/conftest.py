"""What every test may ask for: the real binaries, and logs that outlive a failure.

Tests run geth, CometBFT and devp2p as they are. geth and CometBFT come from the same cache that
`windlass up` uses; `make test` fills it before pytest starts, so that no test waits for a build.
WINDLASS_TEST_BINARIES names a folder that already has all three.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

from tests.support.binaries import find
from tests.support.logs import keep_logs

# No deadlines: on a busy machine they would be timed assertions, and those belong in benchmarks.
hypothesis.settings.register_profile("windlass", deadline=None)
hypothesis.settings.load_profile("windlass")

REPOSITORY = Path(__file__).resolve().parent.parent
FAILED_LOGS = REPOSITORY / "build" / "test-logs"
RECURSION_LIMIT = sys.getrecursionlimit()


@pytest.fixture(scope="session")
def geth_binary() -> Path:
    """An unmodified geth of the pinned version."""
    return find("geth")


@pytest.fixture(scope="session")
def cometbft_binary() -> Path:
    """An unmodified CometBFT of the pinned version."""
    return find("cometbft")


@pytest.fixture(scope="session")
def devp2p_binary() -> Path:
    """go-ethereum's devp2p, whose discv4 test suite our bootnode has to pass; test-only."""
    return find("devp2p")


@pytest.fixture(autouse=True, scope="session")
def _environment_of_tests() -> Generator[None]:
    """Nothing of the person's own Windlass is used, and output has no colour unless a test asks."""
    kept = {name: os.environ.pop(name, None) for name in ("WINDLASS_STATE", "FORCE_COLOR")}
    # A shell starts what runs in the background with Ctrl-C ignored, nohup does so with SIGHUP,
    # and both are inherited by every command that the tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for name, value in kept.items():
        if value is not None:
            os.environ[name] = value


@pytest.fixture(autouse=True)
def _recursion_limit_of_python() -> None:
    """Deep recursion fails as it does in our programs, as RecursionError and not by a crash.

    py_ecc, which the libraries that we test against import, sets it to 100,000 for the process:
    more frames than a thread's stack has room for.
    """
    sys.setrecursionlimit(RECURSION_LIMIT)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Logs under build/test-logs are the last run's; a run that is ended stops its networks."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(FAILED_LOGS, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Copies the logs below a failed test's folders to build/test-logs before they are deleted."""
    report = yield
    if report.failed:
        name = re.sub(r"[^\w.-]+", "_", item.nodeid)[-150:]
        kept = keep_logs(item, FAILED_LOGS / name)
        if kept:
            report.sections.append(("logs kept", f"{kept} files in {FAILED_LOGS / name}"))
    return report
