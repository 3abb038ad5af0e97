"""The project's own checks find what they are for, and nothing else."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tools.checks import calls, exceptions, links, sizes, text
from tools.checks.__main__ import ROOT
from tools.checks.exceptions import Exemption
from tools.checks.source import Finding, Source, repository_sources


def rules(path: str, code: str) -> list[str]:
    """The names of the rules that this code breaks as that file."""
    source = Source(path, dedent(code))
    found = [*sizes.check(source), *text.check(source)]
    if source.is_python:
        found += calls.check(source)
    return [one.rule for one in found]


@pytest.mark.parametrize(
    ("path", "code", "rule"),
    [
        ("src/windlass/kit/a.py", "print('hello')", "prints-or-exits"),
        ("src/windlass/kit/a.py", "import sys\nsys.exit(1)", "prints-or-exits"),
        ("src/windlass/kit/a.py", "from sys import exit as leave\nleave(1)", "prints-or-exits"),
        ("src/windlass/kit/a.py", "raise SystemExit", "prints-or-exits"),
        ("src/windlass/kit/a.py", "import subprocess\nsubprocess.run(['a'])", "starts-process"),
        ("src/windlass/cli/a.py", "import subprocess as s\ns.Popen(['a'])", "starts-process"),
        (
            "src/windlass/plan/a.py",
            "import asyncio\nasyncio.create_subprocess_exec('a')",
            "starts-process",
        ),
        ("src/windlass/doctor/a.py", "import os\nos.execv('a', [])", "starts-process"),
        ("src/windlass/cli/a.py", "from os import kill\nkill(1, 9)", "ends-process"),
        ("src/windlass/vault/a.py", "open('key', 'w')", "writes-file"),
        ("src/windlass/vault/a.py", "path.open(mode='ab')", "writes-file"),
        ("src/windlass/vault/a.py", "path.write_text('key')", "writes-file"),
        ("src/windlass/vault/a.py", "import msgspec\nmsgspec.json.decode(b'1')", "decodes-json"),
        ("src/windlass/kit/a.py", "from msgspec.json import Decoder\nDecoder(A)", "decodes-json"),
        ("src/windlass/doctor/a.py", "import json\njson.loads('1')", "decodes-json"),
        ("tests/kit/test_a.py", "def test_a():\n  assert a", "test-docstring"),
        ("tests/kit/test_a.py", "import time\ntime.sleep(1)", "bare-sleep"),
        ("tests/kit/test_a.py", "monkeypatch.setattr(a, 'b', 1)", "mocks"),
        ("tests/kit/test_a.py", "import pytest\n@pytest.mark.skip\ndef tested(): ...", "skips"),
        ("tests/kit/test_a.py", "import pytest\npytest.skip('no')", "skips"),
        ("tools/a.py", "import subprocess\nsubprocess.run('a', shell=True)", "shell"),
        ("src/windlass/kit/a.py", "float(balance_wei)", "float-money"),
        ("src/windlass/kit/a.py", "half = block.gas_used / 2", "float-money"),
        ("src/windlass/kit/a.py", "try:\n  a()\nexcept Exception:\n  b()", "broad-except"),
        (
            "src/windlass/kit/a.py",
            "try:\n  a()\nexcept (OSError, Exception):\n  b()",
            "broad-except",
        ),
        ("src/windlass/kit/a.py", "try:\n  a()\nexcept:\n  b()", "broad-except"),
        (
            "src/windlass/kit/a.py",
            "import time\nasync def a():\n  time.sleep(1)",
            "async-sleep",
        ),
        ("docs/a.md", "later: TO" + "DO", "leftover"),
        ("docs/a.md", "from https://" + "files.example.org/simple", "registry"),
        ("docs/a.md", "look into /" + "root/.cache", "machine-path"),
        ("tests/key.pem", "-----BEGIN" + " EC PRIVATE KEY-----", "secret"),
        (".github/workflows/ci.yml", "  - uses: actions/checkout@v4", "unpinned-action"),
        ("src/windlass/kit/a.py", "def f(:", "does-not-parse"),
        ("tools/a.sh", "x" * 101, "line-size"),
        ("src/windlass/kit/a.py", "a = 1\n" * 401, "file-size"),
        ("src/windlass/kit/a.py", "def f():\n" + "    a = 1\n" * 70, "function-size"),
    ],
)
def test_a_broken_rule_is_found(path: str, code: str, rule: str) -> None:
    """Each rule finds the shortest code that breaks it, and finds it once."""
    source = Source(path, dedent(code))
    if rule == "does-not-parse":
        assert [one.rule for one in sizes.check(source)] == [rule]
    else:
        assert rules(path, code) == [rule]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("src/windlass/cli/a.py", "print('hello')"),
        ("src/windlass/runtimes/local/a.py", "import subprocess\nsubprocess.Popen(['a'])"),
        ("src/windlass/kit/a.py", "open('settings.json').read()"),
        ("src/windlass/kit/a.py", "path.open('rb').read()"),
        ("src/windlass/vault/a.py", "from windlass.kit import json\njson.decode(b'1')"),
        ("src/windlass/vault/a.py", "import msgspec\nmsgspec.json.encode(1)"),
        ("src/windlass/kit/a.py", "float(delay_s) / 2"),
        ("src/windlass/kit/a.py", "half_wei = balance_wei // 2"),
        ("src/windlass/kit/a.py", "try:\n  a()\nexcept BaseException:\n  b()\n  raise"),
        (
            "src/windlass/kit/a.py",
            "try:\n  a()\nexcept Exception:  # one bad peer must not end the others\n  b()",
        ),
        ("src/windlass/kit/a.py", "async def a():\n  await asyncio.sleep(1)"),
        ("tests/kit/test_a.py", "import pytest\n@pytest.mark.timeout(5)\ndef tested(): ..."),
        ("tests/kit/test_a.py", "import time\nwhile not there():\n  time.sleep(0.1)"),
        ("tests/kit/test_a.py", "import asyncio\nasync def a():\n  await asyncio.sleep(0)"),
        (".github/workflows/ci.yml", "  - uses: actions/checkout@" + "a" * 40 + " # v4"),
        ("docs/a.md", "the network works/runs; /proc/self and /tmp/x are everybody's"),
        ("src/windlass/kit/a.py", "def f():\n" + "    a = 1\n" * 69),
    ],
)
def test_what_is_at_home_is_left_alone(path: str, code: str) -> None:
    """Nothing is found in code that keeps the rules."""
    assert rules(path, code) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    """Relative links must have a target; addresses elsewhere are not followed."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "there.md").write_text("")
    page = "[a](there.md#part) [b](../docs/there.md) [c](https://example.org/x) [d](gone.md)"
    found = list(links.check(Source("docs/page.md", page), tmp_path))
    assert [one.name for one in found] == ["gone.md"]


FINDING = Finding("shell", "tools/a.py", 3, "shell=True", "no")


def test_an_exception_excuses_exactly_its_finding() -> None:
    """An exception excuses one rule for one name in one file."""
    one = Exemption("shell", "tools/a.py", "shell=True", "the test is about shells")
    assert exceptions.apply([FINDING], [one]) == []


def test_an_unused_exception_is_a_finding() -> None:
    """An exception that excuses nothing has to go."""
    one = Exemption("shell", "tools/b.py", "shell=True", "the test is about shells")
    assert [found.rule for found in exceptions.apply([FINDING], [one])] == [
        "shell",
        "exception-unused",
    ]


def test_an_exception_without_a_reason_is_a_finding() -> None:
    """An exception has to say why in more than a word."""
    one = Exemption("shell", "tools/a.py", "shell=True", "needed")
    assert [found.rule for found in exceptions.apply([FINDING], [one])] == ["exception-reason"]


def test_an_entry_with_a_wrong_field_names_the_file(tmp_path: Path) -> None:
    """A misspelt field in the list is an error, not an entry that never matches."""
    file = tmp_path / "exceptions.toml"
    file.write_text('[[exception]]\nrule = "shell"\nfile = "a"\n')
    with pytest.raises(ValueError, match=r"exceptions\.toml: each"):
        exceptions.load(file)


def test_the_repository_is_listed_with_its_text() -> None:
    """The checks see the files that git knows, and not what tools generated."""
    paths = {source.path for source in repository_sources(ROOT)}
    assert "tools/checks/source.py" in paths
    assert not any(path.startswith("requirements/") for path in paths)
