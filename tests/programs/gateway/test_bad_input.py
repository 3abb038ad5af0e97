"""What a careless or hostile client may do: it gets the standard answer, and nobody else waits."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.gateway import GatewayNetwork
from tests.support.wire import Wire

CALL = b'{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}'
JSON = {"Content-Type": "application/json"}


def _post(
    port: int, body: bytes, headers: dict[str, str] | None = None, method: str = "POST"
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, "/", body or None, JSON if headers is None else headers)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, names, response.read()
    finally:
        connection.close()


def _both(network: GatewayNetwork, body: bytes) -> tuple[Any, Any]:
    """Our answer and geth's."""
    ours = _post(network.gateway.ports["http"], body)
    geths = _post(network.nodes[0].ports["rpc"], body)
    assert ours[0] == geths[0] == 200
    return (json.loads(ours[2]) if ours[2] else None), (json.loads(geths[2]) if geths[2] else None)


@pytest.mark.parametrize(
    "body",
    [
        b"{}", b"null", b"5", b'"x"', b"[]", b"[1,2]", b'[[],{"id":1}]', b'{"id":1}',
        b'{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"method":5}', b'{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}',
        b'{"jsonrpc":"2.0","id":[],"method":"eth_chainId"}',
        b'{"jsonrpc":"2.0","id":"a\\u00e9","method":"eth_chainId"}',
        b'{"jsonrpc":"2.0","id":null,"method":"eth_chainId"}',
        b'{"jsonrpc":"2.0","id":1.50,"method":"eth_chainId","params":null}',
        b'{"jsonrpc":"2.0","method":"eth_chainId"}', b'[{"jsonrpc":"2.0","method":"eth_chainId"}]',
        b"[" + CALL + b"," + CALL + b",{}]", b"",
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x12","latest"]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[5,5,5,5]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["newest",false]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"topics":5}]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"data":"0xzz"}]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_nonsense","params":[]}',
        b'{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{"from":"0x0000000000000000000000000000000000000001"}]}',
    ],
    ids=lambda body: body[:60].decode(),
)  # fmt: skip
def test_malformed_calls_are_answered_as_by_geth(network: GatewayNetwork, body: bytes) -> None:
    """The same JSON, error codes and messages included."""
    ours, geths = _both(network, body)
    assert ours == geths


@pytest.mark.parametrize(
    "body", [b"{", b"nonsense", b"[1,", CALL + b"x", b"\xff\xfe", b'{"a":"\xff"}', b"[" * 100_000]
)
def test_what_is_no_json_is_a_parse_error(network: GatewayNetwork, body: bytes) -> None:
    """-32700, whatever the bytes are."""
    status, _, answer = _post(network.gateway.ports["http"], body)
    assert status == 200
    assert json.loads(answer)["error"]["code"] == -32700


@given(body=st.binary(max_size=300))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_get_an_answer(network: GatewayNetwork, body: bytes) -> None:
    """Never a status of 500, never silence."""
    status, _, answer = _post(network.gateway.ports["http"], body)
    assert status == 200
    assert not answer or json.loads(answer)


def test_batches_have_the_limits_of_geth(network: GatewayNetwork) -> None:
    """1,000 calls; 25 MB of answers, beyond which every call left gets an error."""
    port = network.gateway.ports["http"]
    fits = json.loads(_post(port, b"[" + b",".join([CALL] * 1000) + b"]")[2])
    assert [one["id"] for one in fits] == [7] * 1000
    ours, geths = _both(network, b"[" + b",".join([CALL] * 1001) + b"]")
    assert ours == geths
    assert ours[0]["error"] == {"code": -32600, "message": "batch too large"}


def test_a_body_that_is_too_large_is_refused(network: GatewayNetwork) -> None:
    """413 with a JSON-RPC error, with a length and without; and nothing of it is kept."""
    port = network.gateway.ports["http"]
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_call","params":["' + b"a" * (10 << 20) + b'"]}'
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == -32600
    status, _, answer = _post(port, CALL)
    assert (status, json.loads(answer)["id"]) == (200, 7)


def test_http_is_spoken_as_geth_speaks_it(network: GatewayNetwork) -> None:
    """Content types, methods, hosts and origins."""
    port = network.gateway.ports["http"]
    assert _post(port, CALL, {"Content-Type": "text/plain"})[0] == 415
    assert _post(port, CALL, {})[0] == 415
    assert _post(port, CALL, {"Content-Type": "application/json; charset=utf-8"})[0] == 200
    assert _post(port, b"", {}, "GET")[::2] == (200, b"")
    assert _post(port, CALL, JSON, "PUT")[0] == 405
    assert _post(port, CALL, {**JSON, "Host": "evil.example"})[0] == 403
    for host in ("localhost", "127.0.0.1:1", "[::1]:8545", "10.1.2.3"):
        assert _post(port, CALL, {**JSON, "Host": host})[0] == 200
    local = "http://localhost:3000"
    _, names, _ = _post(port, CALL, {**JSON, "Origin": local})
    assert names["access-control-allow-origin"] == local
    _, names, _ = _post(port, CALL, {**JSON, "Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in names
    asked = {"Origin": local, "Access-Control-Request-Method": "POST"}
    status, names, _ = _post(port, b"", asked, "OPTIONS")
    assert (status, names["access-control-allow-origin"]) == (204, local)
    assert "content-type" in names["access-control-allow-headers"].lower()


def test_pages_from_elsewhere_open_no_websocket(network: GatewayNetwork) -> None:
    """A foreign Origin is refused in the handshake; a local one and none are let in."""
    for origin in ("http://localhost:3000", "http://127.0.0.1", None):
        with Wire(network.gateway.ws_url, origin=origin) as wire:
            assert wire("eth_chainId")
    with pytest.raises(InvalidStatus), Wire(network.gateway.ws_url, origin="http://evil.example"):
        pass


def test_bad_messages_on_a_websocket_end_nothing(network: GatewayNetwork) -> None:
    """A parse error is answered, and the calls before and after it; too large a message ends the
    connection."""
    with Wire(network.gateway.ws_url) as wire:
        wire.socket.send("nonsense")
        assert wire.receive()["error"]["code"] == -32700
        wire.socket.send("[]")
        assert wire.receive()["error"] == {"code": -32600, "message": "empty batch"}
        assert wire("eth_chainId")
        with contextlib.suppress(ConnectionClosed):  # it may end while it is sent
            wire.socket.send("x" * (6 << 20))
        with pytest.raises(ConnectionClosed):
            wire.receive()


def test_slow_requests_hold_nobody_up(network: GatewayNetwork) -> None:
    """Fifty clients that send a byte now and then are served as ever around, and are closed."""
    port = network.gateway.ports["http"]
    slow = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(50)]
    try:
        for client in slow:
            client.sendall(b"POST / HTTP/1.1\r\nHost: loc")
        rpc = network.gateway.rpc
        for _ in range(20):
            assert rpc("eth_chainId")
        deadline = time.monotonic() + 20
        for client in slow:
            client.settimeout(max(0.1, deadline - time.monotonic()))
            assert client.recv(1000) == b""
    finally:
        for client in slow:
            client.close()
