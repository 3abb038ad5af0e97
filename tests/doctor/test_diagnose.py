"""What the doctor concludes from evidence, where making a network ill that way tells no more."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.doctor.examples import HEIGHT, NOW, evidence, node
from windlass.doctor.causes import disk
from windlass.doctor.diagnose import diagnose
from windlass.doctor.evidence import Disk, Evidence, LostRecord
from windlass.doctor.findings import CAUSES, to_json_value
from windlass.runtimes.local.state import ProcessRow

DAY_S = 86_400.0
GIB = 1 << 30


def codes(found: Evidence) -> list[str]:
    """The codes of the findings, in their order."""
    return [finding.code for finding in diagnose(found).findings]


def test_a_healthy_network_has_no_findings() -> None:
    """Nothing is made up."""
    assert to_json_value(diagnose(evidence())) == {"schema": 1, "healthy": True, "findings": []}


@pytest.mark.parametrize(("away", "short"), [(1, False), (2, True), (4, True)])
def test_quorum_needs_more_than_two_thirds(away: int, short: bool) -> None:
    """Of four validators one may be away and two may not."""
    stopped = [_stopped(f"validator-{number}") for number in range(away)]
    assert ("quorum-short" in codes(evidence(*stopped))) == short


def test_whoever_catches_up_has_no_wrong_clock() -> None:
    """Old blocks have old stamps: a node that is behind says nothing about its clock."""
    late = node("validator-1")
    assert late.driver is not None
    driver = msgspec.structs.replace(late.driver, block_number=HEIGHT - 500, clock_offset_s=-500.0)
    assert "clock-skew" not in codes(evidence(node("validator-1", driver=driver)))


def test_a_machine_whose_clock_was_set_back() -> None:
    """A chain that is ahead of the machine's clock is told once, not for each node."""
    found = diagnose(evidence(now=NOW - 3600)).findings
    assert [finding.code for finding in found] == ["clock-skew"]
    assert "3599 s behind the chain" in found[0].sentence


def test_a_symptom_is_left_out_where_its_cause_is_known() -> None:
    """A geth that is down for a reason that was found is not told of a second time."""
    driver_of = node("validator-1").driver
    assert driver_of is not None
    refused = msgspec.structs.replace(
        driver_of, geth="unauthorized", geth_detail="it says 'signature is invalid'"
    )
    view = node("validator-1").geth
    assert view is not None
    behind = msgspec.structs.replace(view, height=HEIGHT - 50)
    assert codes(evidence(node("validator-1", driver=refused, geth=behind))) == ["wrong-jwt"]
    assert codes(evidence(node("validator-1", geth=behind))) == ["geth-behind"]


@pytest.mark.parametrize(("lost", "told"), [(1, True), (2, False)])
def test_a_later_record_is_for_votes_that_nobody_waits_for(lost: int, told: bool) -> None:
    """Where blocks need the validator's vote at the very next height, one that begins to vote later
    would stop the network for ever: then the doctor gives no such record."""
    without: dict[str, Any] = {"alive": frozenset({"geth", "bridge"}), "cometbft": None}
    record = LostRecord(path="/d/record", alone=False)
    away = [node(f"validator-{n}", lost_records=(record,), **without) for n in range(lost)]
    found = diagnose(evidence(*away)).findings
    steps = [one.next_step for one in found if one.code == "signing-record-missing"]
    assert ["echo" in step for step in steps] == [told] * lost
    stands = diagnose(evidence(*away, now=NOW + 120)).findings
    assert not any("echo" in one.next_step for one in stands), "no blocks come"


def test_blocks_that_nobody_has_do_not_come_back() -> None:
    """The bridge's log may go only where another CometBFT has the blocks: it is the last copy."""
    panic = "panic: state.AppHash does not match AppHash after replay. Got"
    without: dict[str, Any] = {"alive": frozenset({"geth", "bridge"}), "cometbft": None}
    names = {**{f"validator-{n}": "validator" for n in range(4)}, "node-0": "node"}
    all_lost = []
    for name, role in names.items():
        rows = tuple(
            msgspec.structs.replace(row, last_reason=panic if row.process == "cometbft" else "")
            for row in node(name).processes
        )
        all_lost.append(node(name, role, processes=rows, **without))
    steps = [
        [one.next_step for one in diagnose(seen).findings if one.code == "consensus-data-lost"]
        for seen in (evidence(all_lost[3]), evidence(*all_lost))
    ]
    assert [len(one) for one in steps] == [1, 5]
    assert steps[0][0].startswith("`windlass stop validator-3`, `rm ")
    assert all(step.startswith("Put its CometBFT's data back") for step in steps[1])


def test_warnings_that_explain_nothing_come_last() -> None:
    """An error is read before a warning, unless the warning may be its root."""
    found = evidence(*(_stopped(f"validator-{number}") for number in range(2)), supervisor_pid=None)
    assert codes(found) == ["not-running", "not-running", "quorum-short", "supervisor-down"]


def test_a_standstill_without_a_cause_is_told() -> None:
    """All that can be asked is well and yet there are no blocks: that is an error, once."""
    found = diagnose(evidence(now=NOW + 120))
    assert [finding.code for finding in found.findings] == ["no-blocks"]
    assert not found.healthy


def test_a_geth_that_just_starts_is_not_down() -> None:
    """A fresh start gets some seconds before anybody complains."""
    row = ProcessRow(
        network="trade", node="node-0", process="geth", pid=7, state="starting", since=NOW - 2
    )
    young = node("node-0", "node", geth=None, processes=(row,))
    assert codes(evidence(young)) == []
    old = msgspec.structs.replace(row, since=NOW - 60)
    assert codes(evidence(msgspec.structs.replace(young, processes=(old,)))) == ["geth-down"]


@pytest.mark.parametrize(
    ("grown", "days", "told"),
    [(GIB, 1.0, True), (GIB, 30.0, False), (0, 1.0, False), (-GIB, 1.0, False)],
)
def test_when_the_disk_will_be_full(grown: int, days: float, told: bool) -> None:
    """Ten free GiB last ten days at one GiB a day, which is worth a warning, and more do not."""
    used = 20 * GIB
    seen = Disk(
        path="/s",
        free_bytes=10 * GIB,
        total_bytes=40 * GIB,
        free_inodes=None,
        used_bytes=used,
        history=((NOW - days * DAY_S, used - grown),),
    )
    found = list(disk.find(evidence(disk=seen)))
    assert [finding.code for finding in found] == (["disk-full-soon"] if told else [])
    if told:
        assert "full in about 10 days" in found[0].sentence


@pytest.mark.parametrize(
    ("free_gib", "used_gib", "told"),
    [
        (8, 0.1, "is full in about 20 hours"),
        (16, 0.1, ""),
        (7, 20, "is full in about 45 hours"),
        (9, 20, ""),
        (4, 0.1, "is full in a few hours"),
    ],
)
def test_room_that_is_short_for_an_idle_network(
    free_gib: float, used_gib: float, told: str
) -> None:
    """Before growth was measured, that of five idle nodes counts: 3.7 GiB a day, and 5 GiB once."""
    seen = Disk(
        path="/s",
        free_bytes=int(free_gib * GIB),
        total_bytes=40 * GIB,
        free_inodes=None,
        used_bytes=int(used_gib * GIB),
        history=((NOW - 600, 0),),
    )
    found = list(disk.find(evidence(disk=seen)))
    assert [finding.code for finding in found] == (["disk-full-soon"] if told else [])
    assert all(told in finding.sentence for finding in found)


def test_logs_that_reach_their_size_are_no_growth() -> None:
    """In a network's first hours CometBFT fills logs that then stay as they are: a disk that lasts
    for weeks is not called full in days because of that."""
    seen = Disk(
        path="/s",
        free_bytes=60 * GIB,
        total_bytes=100 * GIB,
        free_inodes=None,
        used_bytes=7 * GIB,
        history=((NOW - DAY_S / 2, 0),),
    )
    assert list(disk.find(evidence(disk=seen))) == []
    short = msgspec.structs.replace(seen, free_bytes=37 * GIB)
    (finding,) = disk.find(evidence(disk=short))
    assert "full in about 9 days" in finding.sentence


def test_paths_in_commands_can_have_spaces() -> None:
    """What is to be deleted is quoted, so that a shell deletes that and nothing else."""
    geth = msgspec.structs.replace(
        node("node-0", "node").workload.processes[0], disposable=("/my lab/geth",)
    )
    workload = msgspec.structs.replace(node("node-0", "node").workload, processes=(geth,))
    view = node("node-0", "node").geth
    assert view is not None
    other = msgspec.structs.replace(view, genesis_hash="0x" + "22" * 32)
    found = diagnose(evidence(node("node-0", "node", workload=workload, geth=other))).findings
    (step,) = [one.next_step for one in found if one.code == "genesis-mismatch"]
    assert "`rm -r '/my lab/geth'`" in step


@pytest.mark.parametrize(("offset_s", "told"), [(-7.0, ["node-0"]), (-1.0, [])])
def test_a_clock_among_two(offset_s: float, told: list[str]) -> None:
    """Where only two nodes say anything, whose blocks' stamps are off by its clock is the one."""
    driver = node("node-0", "node").driver
    assert driver is not None
    off = msgspec.structs.replace(driver, clock_offset_s=offset_s)
    silent = [node(f"validator-{n}", driver=None, driver_error="no answer") for n in range(1, 4)]
    found = diagnose(evidence(node("node-0", "node", driver=off), *silent)).findings
    skewed = [one for one in found if one.code == "clock-skew"]
    assert [one.node for one in skewed] == told
    assert all("is 7 s ahead of the others'" in one.sentence for one in skewed)


def test_a_disk_without_room_for_files_is_full() -> None:
    """Bytes are not all that a disk can run out of."""
    seen = Disk(path="/s", free_bytes=GIB, total_bytes=GIB, free_inodes=3, used_bytes=1, history=())
    assert [finding.code for finding in disk.find(evidence(disk=seen))] == ["disk-full"]


def test_every_finding_has_a_known_code_and_all_its_fields() -> None:
    """What is not in the table of causes would be neither ordered nor documented."""
    ill = evidence(
        *(_stopped(f"validator-{number}") for number in range(3)),
        node("node-0", "node", geth=None),
        supervisor_pid=None,
    )
    for finding in to_json_value(diagnose(ill))["findings"]:
        assert finding["code"] in CAUSES
        assert set(finding) == {
            "code", "severity", "network", "node", "sentence", "evidence", "next_step",
        }  # fmt: skip
        texts: list[Any] = [finding[name] for name in ("sentence", "evidence", "next_step")]
        assert all(isinstance(text, str) and text for text in texts), finding


def _stopped(name: str) -> Any:
    return node(
        name,
        desired="stopped",
        alive=frozenset(),
        geth=None,
        driver=None,
        cometbft=None,
    )
