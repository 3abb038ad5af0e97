"""`windlass plan --json`."""

from __future__ import annotations

import json

from tests.plan import examples
from tests.plan.examples import ExampleSite
from windlass.plan.plan import plan
from windlass.plan.printing import to_json_value


def test_shows_everything_but_secrets() -> None:
    """The plan is plain JSON with all files; what a secret file holds is null."""
    spec = examples.spec(trade=examples.network(nodes=0, bootnodes=1))
    workloads = plan(spec, examples.all_keys(spec), ExampleSite(spec))

    shown = json.loads(json.dumps(to_json_value(workloads)))

    assert shown["schema"] == 1
    assert [one["name"] for one in shown["workloads"]] == [one.name for one in workloads]
    files = [file for one in shown["workloads"] for file in one["files"]]
    assert all((file["content"] is None) is file["secret"] for file in files)
    assert {file["path"].rpartition("/")[2] for file in files if file["secret"]} == {
        "ethstats.secret",
        "geth.toml",
        "jwt.hex",
        "node.key",
        "node_key.json",
        "priv_validator_key.json",
        "priv_validator_state.json",
    }
    geth = shown["workloads"][0]["processes"][0]
    assert geth["name"] == "geth"
    assert geth["ready"]["rpc"].startswith("http://127.0.0.1:")
