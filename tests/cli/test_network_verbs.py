"""Every verb that needs a network, on a real one: called as people and scripts call it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.network import WINDLASS, Network, environment
from tests.support.wait import until
from windlass.chains.ethereum import keystore
from windlass.chains.ethereum.keys import PrivateKey, checksum_address
from windlass.chains.ethereum.quantities import parse_amount
from windlass.runtimes.local.logs import log_path

pytestmark = pytest.mark.timeout(300)

SECRET = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
OWNER = PrivateKey(bytes.fromhex(SECRET)).address
STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def accounts(network: Network) -> dict[str, dict[str, str]]:
    """What `accounts list --json` tells, by name."""
    document = json.loads(network.run("accounts", "list", "--json").stdout)
    assert document["network"] == "shore"
    return {one["name"]: one for one in document["accounts"]}


def balance(network: Network, name: str) -> int:
    """An account's balance in wei."""
    return int(accounts(network)[name]["balance_wei"])


def with_input(network: Network, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command with that standard input."""
    return subprocess.run(
        [str(WINDLASS), *arguments],
        cwd=network.folder,
        env=environment(),
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def on_terminal(network: Network, *arguments: str, columns: int = 80, **variables: str) -> str:
    """What the command draws on a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(
        slave, 0x5414, (24).to_bytes(2, "little") + columns.to_bytes(2, "little") + b"\0" * 4
    )
    env = {"TERM": "xterm-256color", **environment(), "COLUMNS": "", **variables}
    process = subprocess.Popen(
        [str(WINDLASS), *arguments],
        cwd=network.folder,
        env={name: value for name, value in env.items() if value},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    drawn = b""
    try:
        while chunk := os.read(master, 65536):
            drawn += chunk
    except OSError:  # the other side of a terminal is gone: Linux says EIO
        pass
    os.close(master)
    process.wait(60)
    return drawn.decode()


def test_up_again_says_that_nothing_had_to_change(network: Network) -> None:
    """It exits 0, and tells what is where: addresses, the funded account, how to stop."""
    done = network.run("up", "--detach")
    assert "nothing had to change" in done.stderr
    treasury = accounts(network)["treasury"]
    lines = done.stdout.splitlines()
    assert f"  RPC         {network.network()['endpoints']['rpc']}" in lines
    assert f"  account     {checksum_address(treasury['address'])} (treasury)" in lines  # type: ignore[arg-type]
    keystores = [line.split()[1] for line in lines if line.startswith("  keystore")]
    assert (network.folder / keystores[0]).samefile(treasury["keystore"])
    assert any(re.fullmatch(r"Stop it: +\S*windlass down", line) for line in lines)


def test_status_in_a_pipe_is_plain_and_whole(network: Network) -> None:
    """A row per node, no escape sequence, nothing cut; the exit code says whether it is healthy."""
    done = network.run("status")
    rows = {line.split()[1]: line.split() for line in done.stdout.splitlines()[1:6] if line}
    assert set(rows) == {"sealer", "bootnode-0", "registrar", "gateway", "dashboard"}
    assert rows["sealer"][:4] == ["shore", "sealer", "sealer", "healthy"]
    assert "\x1b" not in done.stdout + done.stderr
    assert f"shore: chain id {network.network()['chain_id']}, RPC http://127.0.0.1:" in done.stdout


def test_status_on_a_terminal_has_colours_unless_told_not_to(network: Network) -> None:
    """NO_COLOR and TERM=dumb are respected, and 80 columns are enough for the table."""
    assert COLOUR.search(on_terminal(network, "status"))
    for plain in (
        on_terminal(network, "status", NO_COLOR="1"),
        on_terminal(network, "status", TERM="dumb"),
    ):
        colours = [one for one in COLOUR.findall(plain) if re.search(r"[349]\d", one)]
        assert colours == []
        lines = ESCAPE.sub("", plain).splitlines()
        assert max(len(line.rstrip()) for line in lines[:4]) <= 80
        assert "…" not in plain


def test_status_of_one_network(network: Network) -> None:
    """--network chooses, and one that is not there is named."""
    document = json.loads(network.run("status", "--network", "shore", "--json").stdout)
    assert [one["name"] for one in document["networks"]] == ["shore"]
    done = network.run("status", "--network", "sea", check=False)
    assert done.returncode == 2
    assert "There is: shore." in done.stderr


def test_send_is_final_when_it_returns(network: Network) -> None:
    """A name will do as the receiver; the receipt is in a final block, the sum exact."""
    network.run("accounts", "new", "shop")
    before = balance(network, "shop"), balance(network, "ada")
    sent = json.loads(network.run("send", "shop", "1.5", "--from", "ada", "--json").stdout)
    assert network.network()["finalized"] >= sent["block"]
    assert sent["value_wei"] == str(15 * 10**17)
    assert balance(network, "shop") == before[0] + 15 * 10**17
    assert balance(network, "ada") == before[1] - 15 * 10**17 - int(sent["fee_wei"])


def test_fund_gives_ten_ether_by_default(network: Network) -> None:
    """From the first account of the genesis; AMOUNT may have its unit in a word of its own."""
    told = network.run("fund", STRANGER).stdout
    assert "10 ether from treasury" in told
    assert STRANGER in told
    again = json.loads(network.run("fund", STRANGER, "20", "gwei", "--json").stdout)
    assert again["value_wei"] == str(20 * 10**9)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nobody", "1"], 2, ["'nobody'", "account's name"]),
        ([STRANGER.replace("C", "c", 1), "1"], 2, ["mistyped", "EIP-55"]),
        ([STRANGER, "1", "--from", "adda"], 2, ["adda", "ada"]),
        ([STRANGER, "1000000", "--from", "ada"], 1, ["ether, but sending 1000000 ether takes"]),
        ([STRANGER, "1", "--network", "sea"], 2, ["sea", "shore"]),
    ],
)
def test_send_refuses(network: Network, arguments: list[str], code: int, words: list[str]) -> None:
    """A wrong receiver, sender or sum: nothing is sent, and the sentence says what is wrong."""
    before = balance(network, "ada")
    done = network.run("send", *arguments, check=False)
    assert done.returncode == code
    assert all(word in done.stderr for word in words), done.stderr
    assert balance(network, "ada") == before


def test_concurrent_sends_all_arrive(network: Network) -> None:
    """Four commands that send from one account at once: each pays once, none is lost."""
    before = balance(network, "ada")
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(network.run, "send", "ada", "0.25", "--json") for _ in range(4)]
        sent = [json.loads(job.result().stdout) for job in jobs]
    assert len({one["hash"] for one in sent}) == 4
    assert balance(network, "ada") == before + parse_amount("1 ether")


def test_a_key_is_imported_from_standard_input(network: Network) -> None:
    """The secret is in no argument; the address is the key's, and a second time is refused."""
    done = with_input(network, f"0x{SECRET}\n", "accounts", "import", "till")
    assert done.returncode == 0, done.stderr
    assert checksum_address(OWNER) in done.stdout
    assert accounts(network)["till"]["address"] == OWNER
    again = with_input(network, SECRET, "accounts", "import", "till-2")
    assert again.returncode != 0
    assert "till" in again.stderr
    assert SECRET not in again.stderr + done.stderr + done.stdout


def test_a_keystore_is_imported(network: Network, tmp_path: Path) -> None:
    """With the passphrase from a file or from standard input; a wrong one is refused."""
    foreign = tmp_path / "old.json"
    foreign.write_bytes(keystore.encrypt(b"\x11" * 32, "open sesame"))
    arguments = ("accounts", "import", "old", "--keystore", str(foreign))
    wrong = with_input(network, "close sesame\n", *arguments)
    assert wrong.returncode == 1
    assert "passphrase" in wrong.stderr.lower()
    assert with_input(network, "open sesame\n", *arguments).returncode == 0
    assert accounts(network)["old"]["address"] == PrivateKey(b"\x11" * 32).address
    missing = network.run("accounts", "import", "x", "--keystore", "none.json", check=False)
    assert missing.returncode == 1
    assert "none.json" in missing.stderr


@pytest.mark.parametrize("text", ["", "0x12", "z" * 64, "0" * 64, "f" * 64])
def test_what_is_no_key_is_refused(network: Network, text: str) -> None:
    """Without a word of it in the answer."""
    done = with_input(network, text, "accounts", "import", "bad")
    assert done.returncode in (1, 2)
    assert "bad" not in accounts(network)
    assert not text or text not in done.stdout + done.stderr


def test_accounts_for_people(network: Network) -> None:
    """Names, checksummed addresses and balances; where keystores and passphrase lie."""
    told = network.run("accounts", "list").stdout
    ada = accounts(network)["ada"]
    assert checksum_address(ada["address"]) in told  # type: ignore[arg-type]
    folders = [line.split()[1] for line in told.splitlines() if line.startswith("keystores")]
    assert (network.folder / folders[0]).is_dir()


def test_logs_of_a_node(network: Network) -> None:
    """Lines are labelled with their program; --since leaves out what is older; a typo is named."""
    told = network.run("logs", "sealer").stdout.splitlines()
    assert {line.split(" |")[0] for line in told} == {"sealer/geth", "sealer/sealer"}
    young = network.run("logs", "sealer", "--since", "3s").stdout.splitlines()
    assert 0 < len(young) < len(told)
    assert any("supervisor |" in line for line in network.run("logs").stdout.splitlines())
    for words, told_of in (
        (["stop", "saeler"], "did you mean 'sealer'?"),
        (["stop", "sealer", "--network", "shoer"], "no network 'shoer'; did you mean 'shore'?"),
    ):
        refused = network.run(*words, check=False)
        assert refused.returncode == 2
        assert told_of in refused.stderr
    done = network.run("logs", "saeler", check=False)
    assert done.returncode == 2
    assert "saeler" in done.stderr


def test_logs_are_followed_until_ctrl_c(network: Network) -> None:
    """What is written later arrives at once; Ctrl-C is how it ends, not an error."""
    process = subprocess.Popen(
        [str(WINDLASS), "logs", "sealer", "-f", "--since", "1s"],
        cwd=network.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    height = network.network()["height"]
    assert any(f"number={height + 2} " in line.replace(",", "") for line in process.stdout)
    process.send_signal(2)
    _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (0, "")


def test_logs_that_appear_later_are_followed(network: Network) -> None:
    """Who follows a network sees the programs that are started meanwhile, too."""
    later = log_path(network.state, "shore", "node-7", "geth")
    with subprocess.Popen(
        [str(WINDLASS), "logs", "-f", "--since", "1s"],
        cwd=network.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            assert process.stdout.readline()
            later.parent.mkdir(parents=True)
            later.write_text('{"time": "2999-01-01T00:00:00+00:00", "msg": "came late"}\n')
            assert any("node-7/geth |" in line and "came late" in line for line in process.stdout)
        finally:
            process.send_signal(signal.SIGINT)
            shutil.rmtree(later.parent, ignore_errors=True)


def test_node_names_are_completed(network: Network) -> None:
    """The shell is offered the nodes and networks that there are."""

    def offered(words: str) -> list[str]:
        done = subprocess.run(
            [str(WINDLASS)],
            cwd=network.folder,
            env={
                **environment(),
                "_WINDLASS_COMPLETE": "bash_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split(" ")) - 1),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines() if "," in line]

    assert offered("windlass logs s") == ["sealer"]
    assert offered("windlass status --network ") == ["shore"]


def test_a_second_command_names_the_first(network: Network) -> None:
    """While one command changes things, another is refused with its process and its words."""
    first = subprocess.Popen(
        [str(WINDLASS), "restart", "sealer"],
        cwd=network.folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        lock = network.state / "lock"
        until(lambda: str(first.pid) in lock.read_text(), "the first command holds the lock")
        done = network.run("up", "--detach", check=False)
    finally:
        assert first.wait(120) == 0
    assert done.returncode == 1
    assert f"`windlass restart sealer` (process {first.pid}" in done.stderr


def test_stop_and_start(network: Network) -> None:
    """A stopped node is stopped and the network not healthy; started, it is as before."""
    assert network.run("stop", "registrar").stdout == "registrar is stopped.\n"
    done = network.run("status", check=False)
    assert done.returncode == 1
    assert "shore/registrar is stopped" in done.stdout
    assert network.run("start", "registrar").stdout == "registrar runs.\n"
    until(lambda: network.status()["healthy"], "healthy again", timeout_s=60)
    unknown = network.run("stop", "registrat", check=False)
    assert unknown.returncode == 2
    assert "registrat" in unknown.stderr


def test_a_dead_supervisor_is_told_of(network: Network) -> None:
    """The status is true without it, and says what is missing and how to get it back."""
    pid = next(
        pid for pid in network.pids() if "supervisor" in " ".join(processes.command_line(pid))
    )
    network.kill(pid)
    until(lambda: not processes.alive(pid), "the supervisor is gone")
    done = network.run("status", check=False)
    assert "supervisor is not running" in done.stderr
    assert "sealer" in done.stdout
    network.up()
    assert "supervisor" not in network.run("status").stderr


def test_a_frozen_supervisor_is_named(network: Network) -> None:
    """Verbs that need it say at once which process it is, and how it goes on."""
    pid = next(
        pid for pid in network.pids() if "supervisor" in " ".join(processes.command_line(pid))
    )
    network.kill(pid, signal.SIGSTOP)
    try:
        for words in (["up", "--detach"], ["restart", "sealer"], ["down"]):
            done = network.run(*words, check=False)
            assert done.returncode == 1
            assert f"process {pid}, is frozen" in done.stderr
            assert f"kill -CONT {pid}" in done.stderr
        assert f"kill -CONT {pid}" in network.run("status", check=False).stderr
    finally:
        network.kill(pid, signal.SIGCONT)
    network.up()


def test_down_asks_before_it_deletes(network: Network) -> None:
    """Without an answer nothing is stopped or deleted; with a no neither."""
    done = network.run("down", "--purge", check=False)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert network.status()["healthy"]
