"""The history: it outlives restarts and kills, is bounded, and is never a reason not to start."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.programs.dashboard.network_model import Model
from tests.support.dashboard import Dashboard, reporting
from tests.support.wait import until
from windlass.kit.metrics import Registry
from windlass.programs.dashboard.alerts import Alert
from windlass.programs.dashboard.errors import HistoryUnusable
from windlass.programs.dashboard.history import open_history
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.store import Batch, NodeRow, Store, set_aside

MakeDashboard = Callable[..., Dashboard]
MINUTE_MS = 60_000


def _row(name: str = "a", **changes: int) -> NodeRow:
    known = {
        "height": 1,
        "peers": 2,
        "pending": 3,
        "latency_ms": 4,
        "delay_sum_ms": 30,
        "delays": 3,
        "ticks": 10,
        "online_ticks": 5,
    }
    return NodeRow(node=name, **{**known, **changes})


def _batch(at_ms: int, model: Model | None = None, **changes: object) -> Batch:
    blocks = () if model is None else tuple(model.network.blocks.newest())
    known = Batch(
        at_ms=at_ms,
        nodes_online=1,
        alerts_on=0,
        missed_rounds=0,
        blocks=blocks,
        nodes=(_row(),),
        alerts=(),
    )
    return Batch(**{**{name: getattr(known, name) for name in known.__struct_fields__}, **changes})


def test_sums_of_a_minute_are_added_up(tmp_path: Path) -> None:
    """Two batches of a minute are one row with the sums of both, also after opening it again."""
    path = tmp_path / "history"
    at_ms = 10 * MINUTE_MS
    store = Store.open(path)
    store.write(_batch(at_ms + 1, missed_rounds=1, alerts_on=2))
    store.close()
    store = Store.open(path)
    store.write(_batch(at_ms + 5000, missed_rounds=2, nodes=(_row(online_ticks=10, height=9),)))
    (minute,) = store.minutes(0)
    assert (minute["at_ms"], minute["missed_rounds"], minute["alerts"]) == (at_ms, 3, 2)
    (node,) = store.node_minutes("a", 0)
    assert (node["height"], node["propagation_mean_ms"], node["online_percent"]) == (9, 10, 75)
    assert store.uptimes(0) == {"a": [75]}
    store.close()


def test_blocks_are_summed_by_minute_and_pruned(tmp_path: Path) -> None:
    """A minute tells its blocks' number, transactions and intervals; what is old is deleted."""
    model = Model("a")
    model.login("a")
    model.chain("a", first=1, last=100)
    store = Store.open(tmp_path / "history")
    store.write(_batch(model.now_ms, model))
    minutes = store.minutes(0)
    assert sum(one["blocks"] for one in minutes) == 100
    assert sum(one["transactions"] for one in minutes) == 100
    assert {one["interval_mean_ms"] for one in minutes if one["blocks"] > 1} == {1000}
    store.prune(model.now_ms - MINUTE_MS)
    assert 0 < sum(one["blocks"] for one in store.minutes(0)) <= 61
    assert store.newest_blocks(1)[0].number == 100
    store.close()


def test_figures_that_no_integer_of_sqlite_holds_are_no_defect(tmp_path: Path) -> None:
    """Hostile blocks with the largest numbers that are taken can be written and summed."""
    model = Model("a", "b")
    model.login("a", "b")
    for number in range(1, 100):
        model.head("a", number, gasUsed=2**53 - 1, gasLimit=2**53 - 1)
    store = Store.open(tmp_path / "history")
    store.write(_batch(model.now_ms, model))
    assert store.minutes(0)[0]["gas_used"] >= 99 * (2**53 - 1) * 0.99
    store.close()


def test_a_full_file_forgets_the_oldest(tmp_path: Path) -> None:
    """More than it may hold is written minute by minute: the newest is there, the file stays small,
    and no write fails."""
    bytes_max = 400_000
    store = Store.open(tmp_path / "history", bytes_max=bytes_max)
    nodes = tuple(_row(f"node-{one}") for one in range(100))
    for minute in range(200):
        store.prune(0)
        store.write(_batch(minute * MINUTE_MS, nodes=nodes))
    kept = [one["at_ms"] for one in store.node_minutes("node-0", 0)]
    assert kept[-1] == 199 * MINUTE_MS
    assert 20 < len(kept) < 200
    store.close()
    assert (tmp_path / "history").stat().st_size <= bytes_max


async def test_an_end_that_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    """While another program holds the file an alert ends: afterwards the history knows its end."""
    model = Model("a")
    path = tmp_path / "history"
    metrics = Metrics(Registry())
    history = open_history(path, model.network, model.alerts, metrics, 24)
    alert = Alert(id=1, severity="error", kind="offline", node="a", since_ms=1, sentence="It is.")
    model.alerts.unsaved[1] = alert
    await history.save()
    alert.until_ms = 5
    model.alerts.unsaved[1] = alert
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await history.save()
        assert "locked" in history.problem
        other.execute("ROLLBACK")
    await history.close()
    store = Store.open(path)
    assert [one["until_ms"] for one in store.alerts(0)] == [5]
    store.close()


def test_a_file_that_somebody_took_away_is_begun_anew(tmp_path: Path) -> None:
    """Nothing to set aside is no reason to stay without a history."""
    path = tmp_path / "history"
    set_aside(path, "it was damaged")
    Store.open(path).close()
    assert path.exists()


@pytest.mark.parametrize("content", [b"not a database at all" * 1000, b"SQLite format 3\x00" * 999])
def test_a_damaged_file_is_set_aside(tmp_path: Path, content: bytes) -> None:
    """A new history is begun and the old file kept under another name."""
    path = tmp_path / "history"
    path.write_bytes(content)
    store = Store.open(path)
    store.write(_batch(MINUTE_MS))
    assert len(store.minutes(0)) == 1
    store.close()
    assert path.with_name("history.damaged").read_bytes() == content


def test_a_file_of_another_release_is_set_aside(tmp_path: Path) -> None:
    """What another release wrote is not guessed at."""
    path = tmp_path / "history"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    Store.open(path).close()
    assert path.with_name("history.damaged").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Neither a new file nor another name can help: one clear refusal."""
    with pytest.raises(HistoryUnusable, match="cannot be used"):
        Store.open(tmp_path / "missing" / "history")


async def test_a_kill_loses_the_last_seconds_only(make_dashboard: MakeDashboard) -> None:
    """After SIGKILL and a start the blocks are shown and uptimes go on; alerts have an end."""
    dashboard = make_dashboard(["a", "b"])
    async with reporting(dashboard.settings.port, "a") as (a,):
        for number in range(1, 6):
            await a.head(number)
        until(
            lambda: sum(one["blocks"] for one in dashboard.json("/api/history")["minutes"]) == 5,
            "five blocks are in the history",
        )
        until(
            lambda: [one["kind"] for one in dashboard.json("/api/history")["alerts"]],
            "b's absence is in the history",
            timeout_s=40,
        )
    dashboard.end(signal.SIGKILL)
    dashboard.start()
    assert {one["number"] for one in dashboard.network()["blocks"]} == {1, 2, 3, 4, 5}
    history = dashboard.json("/api/history?hours=1&node=a")
    assert sum(one["blocks"] for one in history["minutes"]) == 5
    assert history["node"][-1]["height"] == 5
    assert [one["kind"] for one in history["alerts"]] == ["offline"]
    assert history["alerts"][0]["until_ms"] is not None
    assert dashboard.end() == 0


@pytest.mark.parametrize("query", ["hours=0", "hours=-1", "hours=x", "hours=99999", "hours=\u0661"])
async def test_bad_questions_are_refused(make_dashboard: MakeDashboard, query: str) -> None:
    """Hours that are no number from 1 on are 400."""
    dashboard = make_dashboard(["a"])
    assert dashboard.get("/api/history?" + quote(query, safe="=&"))[0] == 400
    assert dashboard.get("/api/history?hours=9999&node=nobody")[0] == 200


def test_a_history_that_is_damaged_while_it_runs_is_begun_anew(
    make_dashboard: MakeDashboard,
) -> None:
    """The dashboard goes on, keeps the damaged file, and has a history again."""
    dashboard = make_dashboard(["a"])
    path = Path(dashboard.settings.database)
    until(lambda: dashboard.json("/api/history?hours=1")["minutes"], "a first minute")
    with sqlite3.connect(path, timeout=10) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = 'nonsense' WHERE name = 'minutes'")
        connection.execute("PRAGMA schema_version = 99")
    connection.close()
    damaged = path.with_name(path.name + ".damaged")
    until(damaged.exists, "it is set aside", timeout_s=30)
    until(lambda: dashboard.json("/api/history?hours=2")["minutes"], "a history again")
    assert dashboard.get("/readyz")[0] == 200
