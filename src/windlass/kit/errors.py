"""The root of every expected refusal, so that one place can turn it into words and an exit code.

An expected refusal says what happened, where, and what to do next. Whatever is not a
`WindlassError` is a defect of ours and is allowed to crash loudly.
"""

from __future__ import annotations


class WindlassError(Exception):
    """Something a person can act on.

    `code` is stable and for machines, `sentence` says what happened and where, `next_step` what to
    do about it, `exit_code` is 1 for a state of the world and 2 for wrong usage or a wrong spec.
    """

    code = "error"
    exit_code = 1

    def __init__(self, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_step}".strip()


class UsageError(WindlassError):
    """The command or the spec is wrong; nothing was touched."""

    code = "usage"
    exit_code = 2
