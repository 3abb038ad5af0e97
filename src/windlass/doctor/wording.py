"""Words that several causes need: names, lists, and commands that can be typed as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from windlass.doctor.evidence import Evidence, NodeEvidence

EXCERPT_CHARACTERS = 240


def command(evidence: Evidence, verb: str, node: NodeEvidence) -> str:
    """`windlass VERB NODE`, with the network named where there are several."""
    network = f" --network {node.workload.network}" if len(evidence.networks) > 1 else ""
    return f"`windlass {verb} {node.name}{network}`"


def listed(words: Iterable[str]) -> str:
    """a, b and c."""
    known = list(words)
    if len(known) < 2:
        return "".join(known)
    return f"{', '.join(known[:-1])} and {known[-1]}"


def facts(parts: Iterable[str]) -> str:
    """Pieces of evidence, one after the other."""
    return "; ".join(part.strip().rstrip(".;") for part in parts if part.strip())


def excerpt(text: str) -> str:
    """The beginning of what somebody else wrote, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT_CHARACTERS else line[: EXCERPT_CHARACTERS - 1] + "…"


def size(count: float) -> str:
    """Bytes for people."""
    for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} bytes"


def what_runs(node: NodeEvidence, processes: Sequence[str]) -> str:
    """Which of these processes run, and why the others do not."""
    parts = []
    for name in processes:
        row = node.row(name)
        if name in node.alive:
            frozen = ", frozen by a signal" if name in node.frozen else ""
            parts.append(f"{name} runs (process {row.pid if row else '?'}{frozen})")
        else:
            reason = f": {excerpt(row.last_reason)}" if row and row.last_reason else ""
            parts.append(f"{name} does not run{reason}")
    return facts(parts)
