"""enode URLs: what geth takes is taken and written back, everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from windlass.chains.ethereum.enode import Enode, EnodeError, is_public_key, parse_enode
from windlass.chains.ethereum.keys import public_key

KEY = public_key(b"\1" * 32)
HEX = KEY.hex()

addresses = (st.ip_addresses(v=4) | st.ip_addresses(v=6)).filter(
    lambda ip: (
        not ip.is_unspecified and not ip.is_multicast and not (ip.version == 6 and ip.ipv4_mapped)
    )
)
enodes = st.builds(
    Enode,
    public_key=st.integers(1, 2**200).map(lambda number: public_key(number.to_bytes(32, "big"))),
    ip=addresses.map(str),
    tcp=st.integers(0, 65535),
    udp=st.integers(1, 65535),
)


@given(enodes)
def test_round_trip(enode: Enode) -> None:
    """What is written is read back as what it was."""
    assert parse_enode(str(enode)) == enode


@given(st.text(max_size=300) | st.from_regex(r"enode://[0-9a-f]{128}@\S*:\d*(\?discport=\d*)?"))
@example(f"enode://{HEX}@127.0.0.1:٣")
def test_arbitrary_text(text: str) -> None:
    """Any text is an enode that is written back with the same meaning, or an EnodeError."""
    try:
        enode = parse_enode(text)
    except EnodeError:
        return
    assert parse_enode(str(enode)) == enode


def test_forms() -> None:
    """The forms that are in use, and what they mean."""
    assert parse_enode(f"enode://{HEX}@127.0.0.1:30303") == Enode(KEY, "127.0.0.1", 30303, 30303)
    assert parse_enode(f"enode://{HEX.upper()}@10.0.0.1:0?discport=30301") == Enode(
        KEY, "10.0.0.1", 0, 30301
    )
    assert parse_enode(f"enode://{HEX}@[0:0::1]:1?discport=1") == Enode(KEY, "::1", 1, 1)
    assert parse_enode(f"enode://{HEX}@[::ffff:1.2.3.4]:5").ip == "1.2.3.4"
    assert str(Enode(KEY, "::1", 3, 4)) == f"enode://{HEX}@[::1]:3?discport=4"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEX,
        f"enode://{HEX}",
        f"enode://{HEX}@127.0.0.1",
        f"enode://{HEX}@:30303",
        f"enode://{HEX}@localhost:30303",
        f"enode://{HEX}@127.0.0.1:0",
        f"enode://{HEX}@127.0.0.1:65536",
        f"enode://{HEX}@127.0.0.1:030",
        f"enode://{HEX}@127.0.0.1:-1",
        f"enode://{HEX}@127.0.0.1:1?discport=0",
        f"enode://{HEX}@127.0.0.1:1?discport=70000",
        f"enode://{HEX}@127.0.0.1:1?discport=",
        f"enode://{HEX}@127.0.0.1:1?other=1",
        f"enode://{HEX}@127.0.0.1:1\n",
        f" enode://{HEX}@127.0.0.1:1",
        f"enode://{HEX}@127.0.0.01:1",
        f"enode://{HEX}@256.0.0.1:1",
        f"enode://{HEX}@0.0.0.0:1",
        f"enode://{HEX}@224.0.0.1:1",
        f"enode://{HEX}@::1:1",
        f"enode://{HEX}@[127.0.0.1]:1",
        f"enode://{HEX}@[fe80::1%eth0]:1",
        f"enode://{HEX[:-2]}@127.0.0.1:1",
        f"enode://{HEX[:-1]}g@127.0.0.1:1",
        f"enode://{'0' * 128}@127.0.0.1:1",
        f"enode://{HEX[:-2]}ff@127.0.0.1:1",
        f"enr://{HEX}@127.0.0.1:1",
        f"enode://{HEX}@127.0.0.1:1,enode://{HEX}@127.0.0.1:1",
    ],
)
def test_refused(text: str) -> None:
    """Whatever geth would refuse, or take for something else, is refused."""
    with pytest.raises(EnodeError):
        parse_enode(text)


def test_public_keys() -> None:
    """Only points of the curve are keys; a coordinate beyond the field's prime is none."""
    assert is_public_key(KEY)
    assert not is_public_key(b"\xff" * 64)
    assert not is_public_key(KEY[:63])
