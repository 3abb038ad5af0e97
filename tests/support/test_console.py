"""The runner of the tutorial's console blocks finds what differs, and only that."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.console import Shell, missing, steps

PAGE = """\
Text.

```console
$ echo one
one
$ a=2
$ test $a = 3
# exit 1
```

```yaml
$ no: command
```

```console
$ echo a \\
>   b
…
```
"""


def test_commands_and_their_output_are_found() -> None:
    """Only console blocks count; continuation lines and exit codes belong to their command."""
    found = list(steps(PAGE))
    assert [step.command for step in found] == [
        "echo one",
        "a=2",
        "test $a = 3",
        "echo a \\\n  b",
    ]
    assert found[0].expected == ["one"]
    assert [step.exit_code for step in found] == [0, 0, 1, 0]


def test_a_line_that_does_not_come_is_named() -> None:
    """Lines must come in order; wildcards and runs of spaces are forgiven."""
    output = "height   12\nhealthy yes\n"
    assert missing(["height 12", "healthy …"], output) is None
    assert missing(["…", "healthy"], output) is None
    assert missing(["healthy", "height"], output) == "height"
    assert missing(["height …3"], output) == "height …3"


def test_the_shell_keeps_variables_and_gives_exit_codes(tmp_path: Path) -> None:
    """Commands share one shell; what a command prints without a line end is not lost."""
    shell = Shell(tmp_path, os.environ)
    try:
        assert shell.run("a=5; cd /") == (0, "")
        assert shell.run("printf '%s in %s' $a $PWD; false") == (1, "5 in /")
        assert shell.run("cat") == (0, "")
    finally:
        shell.close()
