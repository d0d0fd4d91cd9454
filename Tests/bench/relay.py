#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Relays TCP connections to a server, and holds every byte back for a while on its way, as a distance would.

usage: relay.py PORT HOST:PORT MILLISECONDS     listens on PORT of loopback; MILLISECONDS is the delay of each way
"""

import asyncio
import sys


async def copy(source, target, delay):
    """Hands each piece on `delay` seconds after it came; many may be on their way at once."""
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue()

    async def deliver():
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                break
            target.write(piece)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()

    delivering = asyncio.create_task(deliver())
    try:
        while piece := await source.read(1 << 16):
            pieces.put_nowait((loop.time() + delay, piece))
    except ConnectionError:
        pass
    pieces.put_nowait((loop.time() + delay, b""))
    try:
        await delivering
    except (ConnectionError, OSError):
        pass


async def main(port, place, milliseconds):
    host, server = place.rsplit(":", 1)
    delay = int(milliseconds) / 1000

    async def relay(reader, writer):
        upstream_reader, upstream_writer = await asyncio.open_connection(host, int(server))
        await asyncio.gather(copy(reader, upstream_writer, delay), copy(upstream_reader, writer, delay))
        for end in (writer, upstream_writer):
            end.close()

    async with await asyncio.start_server(relay, "127.0.0.1", int(port)) as listening:
        await listening.serve_forever()


asyncio.run(main(*sys.argv[1:]))
