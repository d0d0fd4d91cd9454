# SPDX-License-Identifier: Apache-2.0
"""A relay between sealift and a server that counts what passes to the client, and can hold it back."""

import contextlib
import socket
import threading
import time

PIECE = 16 << 10


class Meter:
    """Relays connections at `address` to `target`; no connection gets more than `rate` bytes a second."""

    def __init__(self, target, rate=None):
        host, port = target.split(":")
        self.target = (host, int(port))
        self.rate = rate
        self.sent = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            # What the kernel takes over for a client that is gone counts as sent: it should take little.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)
            server = socket.create_connection(self.target)
            threading.Thread(target=self._copy, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._copy, args=(server, client, True), daemon=True).start()

    def _copy(self, source, target, counts):
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                target.sendall(piece)
                if not counts:
                    continue
                with self._lock:
                    self.sent += len(piece)
                if self.rate:
                    time.sleep(len(piece) / self.rate)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listening.close()
