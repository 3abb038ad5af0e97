"""A small program that behaves as tests ask: it stands for a chain client under the supervisor.

Options: --http PORT and --socket PATH are what it serves, --delay S how long it takes until then,
--dies FILE makes it print that file's content and exit with code 3 while the file is there,
--deaf ignores SIGTERM, --mute FILE stops answering while the file is there, --record FILE gets a
line at each start and end.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import sys
import time


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--http", type=int)
    parser.add_argument("--socket")
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--dies")
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("--mute")
    parser.add_argument("--record")
    parser.add_argument("--answer", default="{}")
    parser.add_argument("--bootnodes", default="")
    options = parser.parse_args()

    def record(what: str) -> None:
        if options.record:
            line = f"{what} {options.name} {os.getpid()} {options.bootnodes}".strip() + "\n"
            file = os.open(options.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(file, line.encode())
            os.close(file)

    def end(*_: object) -> None:
        if not options.deaf:
            record("stop")
            sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    record("start")
    say("says hello")
    if options.dies and os.path.exists(options.dies):  # noqa: PTH110 - imports cost time here
        with open(options.dies) as file:  # noqa: PTH123
            say(file.read())
        sys.exit(3)
    time.sleep(options.delay)
    serve(options)


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def serve(options: argparse.Namespace) -> None:
    listening: list[socket.socket] = []
    if options.http:
        listening.append(socket.create_server(("127.0.0.1", options.http)))
    if options.socket:
        if os.path.exists(options.socket):  # noqa: PTH110
            os.unlink(options.socket)  # noqa: PTH108
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(options.socket)
        unix.listen()
        listening.append(unix)
    while True:
        for one in select.select(listening, [], [], 0.5)[0]:
            connection, _ = one.accept()
            if options.mute and os.path.exists(options.mute):  # noqa: PTH110
                connection.close()
                continue
            if one.family == socket.AF_INET:
                connection.settimeout(2)
                connection.recv(65536)
                body = options.answer
                head = (
                    f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
                )
                connection.sendall((head + body).encode())
            connection.close()


if __name__ == "__main__":
    main()
