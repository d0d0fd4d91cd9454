#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients of one server at once.

usage: clients.py downloads HOST:PORT PATH COUNT PROCESS    opens COUNT downloads and takes 1 MiB of each; prints
                                                            the peak of the server's resident memory in MiB
       clients.py idle HOST:PORT COUNT                      opens COUNT connections, asks each once, waits 5 s, asks
                                                            each again; prints how many answered
"""

import resource
import socket
import sys
import time


def ask(connection, path, host):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


def take(connection, count):
    """Receives `count` bytes, fewer where the server ends."""
    taken = 0
    while taken < count and (piece := connection.recv(min(count - taken, 1 << 16))):
        taken += len(piece)
    return taken


def main(kind, host, *rest):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    name, port = host.rsplit(":", 1)
    path, count = ("/healthz", int(rest[0])) if kind == "idle" else (rest[0], int(rest[1]))
    connections = [socket.create_connection((name, int(port))) for _ in range(count)]
    if kind == "idle":
        answered = 0
        for wait in (0, 5):
            time.sleep(wait)
            for connection in connections:
                ask(connection, path, host)
            answered = sum(connection.recv(1 << 12).startswith(b"HTTP/1.1 200") for connection in connections)
        return print(answered)
    for connection in connections:
        ask(connection, path, host)
    assert all(take(connection, 1 << 20) == 1 << 20 for connection in connections)
    with open(f"/proc/{rest[2]}/status") as status:
        print(next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")))


main(*sys.argv[1:])
