#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry whose tokens are good for USES requests, and its token server, at one port.

usage: dyingtokens.py USES     prints its port, serves until it is ended. A blob's content is its path. Passwords are refused, with
words that hold them where the user is called echo."""
import base64, hashlib, http.server, json, signal, sys, threading, time

uses = int(sys.argv[1])
left = {}
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def reply(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def do_GET(self):
        given = self.headers.get('Authorization', '')
        if self.path.startswith('/token'):
            if given:
                login = base64.b64decode(given.split()[1]).decode()
                words = f'wrong: {login}' if login.startswith('echo:') else 'incorrect\nusername or \x1b[31mpassword'
                return self.reply(401, json.dumps({'details': words}).encode())
            with lock:
                token = f't{len(left)}'
                left[token] = uses
            # Both are forms of real servers.
            return self.reply(200, json.dumps({'token': '', 'access_token': token, 'expires_in': '300'}).encode())
        with lock:
            token = given.removeprefix('Bearer ')
            good = left.get(token, 0) > 0
            if good:
                left[token] -= 1
        if not good:
            realm = f'Bearer realm="http://{self.headers["Host"]}/token",service="x"'
            return self.reply(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized"}]}', WWW_Authenticate=realm)
        time.sleep(0.01)
        self.reply(200, self.path.encode())

    do_HEAD = do_GET


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
threading.Event().wait()
