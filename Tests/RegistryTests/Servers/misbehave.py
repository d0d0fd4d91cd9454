#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A web server that misbehaves as its path says. Three ports: two plain ones and one with TLS.

usage: misbehave.py CERTIFICATE KEY      prints the three ports, serves until it is ended.
/file/KIND/ID and /v2/KIND/ID/...        KIND names a method below; ID keeps tests apart.
/log/ID                                  what was asked for so far, as JSON.
The content is SIZE bytes of a known pattern (`pattern` below; the tests make the same).
"""
import base64, collections, gzip, hashlib, http.server, json, signal, ssl, sys, threading, time
from email.utils import formatdate

SIZE = 1 << 20
def pattern(seed, size=SIZE):
    return b''.join(hashlib.sha256(b'%s %d' % (seed, i)).digest() * 32 for i in range(size // 1024))
ONE, TWO = pattern(b'one'), pattern(b'two')
log, lock, ports = collections.defaultdict(list), threading.Lock(), []
MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
CONFIG = b'{"architecture":"amd64","os":"linux"}'
def descriptor(media, data):
    return {'mediaType': media, 'digest': digest(data), 'size': len(data)}
def digest(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()
def manifest(**more):
    return json.dumps({'schemaVersion': 2, 'mediaType': MANIFEST, 'config': descriptor(
        'application/vnd.oci.image.config.v1+json', CONFIG), 'layers': [], **more}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do(self):
        parts = self.path.split('?')[0].split('/')
        self.kind, self.id = (parts + ['', '', ''])[2:4]
        if parts[1] == 'log':
            return self.answer(200, json.dumps(log[parts[2]]).encode())
        with lock:
            entries = log[self.id]
            self.turn = sum(1 for e in entries if e['path'] == self.path and e['method'] == self.command)
            entries.append({'method': self.command, 'path': self.path, 'port': self.server.server_port,
                            'range': self.headers.get('Range'), 'ifRange': self.headers.get('If-Range'),
                            'authorization': self.headers.get('Authorization')})
        if parts[1] == 'v2' and len(parts) < 5:
            return self.answer(200, b'{}')
        name = ('manifest_' if 'manifests' in parts else '') + self.kind.replace('-', '_')
        method = getattr(self, name, None)
        if method is None:
            return self.answer(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"none"}]}')
        try:
            method()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
    do_GET = do_HEAD = do_POST = do

    def log_message(self, *_):
        pass

    def answer(self, status, body=b'', length=None, **fields):
        """Sends all of it, or of less or more than it says."""
        self.send_response(status)
        self.send_header('Content-Length', str(len(body) if length is None else length))
        for name, value in fields.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)
        if length is not None and length != len(body):
            self.close_connection = True

    def first_byte(self):
        asked = self.headers.get('Range')
        return int(asked[6:].split('-')[0]) if asked else 0

    def good(self, data=ONE, tag='"1"'):
        start = self.first_byte()
        if start and self.headers.get('If-Range', tag) == tag:
            span = f'bytes {start}-{len(data) - 1}/{len(data)}'
            return self.answer(206, data[start:], Content_Range=span, ETag=tag)
        self.answer(200, data, ETag=tag, Accept_Ranges='bytes')

    def cut(self):
        """Breaks off half-way, once."""
        if self.turn == 0:
            return self.answer(200, ONE[:SIZE // 2], SIZE, ETag='"1"')
        self.good()

    def cut_always(self):
        self.answer(200, ONE[:SIZE // 2], SIZE)

    def stall(self):
        """Says nothing more half-way, once."""
        if self.turn:
            return self.good()
        self.answer(200, ONE[:SIZE // 2], SIZE, ETag='"1"')
        self.wfile.flush()
        time.sleep(20)

    def trickle(self):
        """A little at a time, by ever new connections."""
        start = self.first_byte()
        piece = ONE[start:start + 60000]
        if start:
            return self.answer(206, piece, SIZE - start, Content_Range=f'bytes {start}-{SIZE - 1}/{SIZE}', ETag='"1"')
        self.answer(200, piece, SIZE, ETag='"1"')

    def no_range(self):
        if self.turn == 0:
            return self.answer(200, ONE[:SIZE // 2], SIZE)
        self.answer(200, ONE)

    def changed(self):
        """Another version by the time of the second request; If-Range is honoured."""
        if self.turn == 0:
            return self.answer(200, TWO[:SIZE // 2], SIZE, ETag='"2"')
        self.good()

    def changed_unsaid(self):
        """Another version, whose part is sent all the same."""
        start = self.first_byte()
        if self.turn == 0:
            return self.answer(200, TWO[:SIZE // 2], SIZE, ETag='"2"')
        if start:
            return self.answer(206, ONE[start:], Content_Range=f'bytes {start}-{SIZE - 1}/{SIZE}', ETag='"1"')
        self.good()

    def other_part(self):
        start = self.first_byte()
        if self.turn == 0:
            return self.answer(200, ONE[:SIZE // 2], SIZE)
        if start:
            return self.answer(206, ONE[start - 7:], Content_Range=f'bytes {start - 7}-{SIZE - 1}/{SIZE}')
        self.good()

    def unsatisfied(self):
        if self.turn == 0:
            return self.answer(200, ONE[:SIZE // 2], SIZE)
        if self.first_byte():
            return self.answer(416, b'', Content_Range=f'bytes */{SIZE}')
        self.good()

    def part_unasked(self):
        self.answer(206, ONE, Content_Range=f'bytes 0-{SIZE - 1}/{SIZE}')

    def short_length(self):
        self.answer(200, ONE[:-10])

    def long_length(self):
        self.answer(200, ONE + b'0123456789')

    def chunked(self, data=ONE):
        self.send_response(200)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        for start in range(0, len(data), 65536):
            piece = data[start:start + 65536]
            self.wfile.write(b'%x\r\n%s\r\n' % (len(piece), piece))
        self.wfile.write(b'0\r\n\r\n')

    def chunked_short(self):
        self.chunked(ONE[:SIZE // 2])

    def chunked_long(self):
        self.chunked(ONE + TWO)

    def wrong(self):
        self.good(TWO)

    def wrong_once(self):
        self.good(TWO if self.turn == 0 else ONE)

    def gzip(self):
        self.answer(200, gzip.compress(ONE), Content_Encoding='gzip')

    def gzip_label(self):
        """As servers do that call the compression of a .tgz a content encoding."""
        self.answer(200, ONE, Content_Encoding='x-gzip')

    def busy(self):
        if self.turn == 0:
            return self.answer(429, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}', Retry_After='1')
        self.good()

    def busy_date(self):
        if self.turn == 0:
            return self.answer(503, Retry_After=formatdate(time.time() + 1, usegmt=True))
        self.good()

    def busy_long(self):
        self.answer(429, Retry_After='86400')

    def shaky(self):
        if self.turn < 3:
            return self.answer(502)
        self.good()

    def broken(self):
        self.answer(500, b'<html>Authorization: ' + self.headers.get('Authorization', '').encode())

    def forbidden(self):
        self.answer(403)

    def no_head(self):
        if self.command == 'HEAD':
            return self.answer(405)
        self.good()

    def endless_error(self):
        self.send_response(500)
        self.end_headers()
        self.close_connection = True
        while True:
            self.wfile.write(ONE)

    def redirect(self, to, status=302):
        self.answer(status, b'', Location=to)

    def loop(self):
        self.redirect(self.path)

    def to_relative(self):
        self.redirect(f'../good/{self.id}')

    def to_other(self):
        """To the other port, which asks for nothing."""
        self.challenged(lambda: self.redirect(f'http://127.0.0.1:{ports[1]}/file/good/{self.id}', 307))

    def to_same(self):
        self.challenged(lambda: self.redirect(f'/file/secret/{self.id}'))

    def there_and_back(self):
        here, other = ports[0], ports[1]
        if self.server.server_port == other:
            return self.redirect(f'http://127.0.0.1:{here}/file/good/{self.id}')
        self.challenged(lambda: self.redirect(f'http://127.0.0.1:{other}/file/there_and_back/{self.id}'))

    def to_plain(self):
        self.redirect(f'http://127.0.0.1:{ports[0]}/file/good/{self.id}')

    def to_file(self):
        self.redirect('file:///etc/passwd')

    def to_user(self):
        self.redirect(f'http://user:hidden@127.0.0.1:{ports[0]}/file/good/{self.id}')

    def challenged(self, then, field='Basic realm="here"'):
        if self.headers.get('Authorization'):
            return then()
        self.answer(401, WWW_Authenticate=field)

    def secret(self):
        self.challenged(self.good)

    def realm_plain(self):
        self.answer(401, WWW_Authenticate=f'Bearer realm="http://127.0.0.1:{ports[0]}/file/token/{self.id}",service="x"')

    def realm_redirect(self):
        """A token server that sends its users to another place."""
        here = f'http://127.0.0.1:{ports[0]}/file/token_elsewhere/{self.id}'
        self.challenged(self.good, f'Bearer realm="{here}",service="x"')

    def token_elsewhere(self):
        self.redirect(f'http://127.0.0.1:{ports[1]}/file/token/{self.id}', 307)

    def token(self):
        self.answer(200, b'{"token":"abc"}')

    def realm_garbage(self):
        here = f'http://127.0.0.1:{ports[0]}/file/token_garbage/{self.id}'
        self.challenged(self.good, f'Bearer realm="{here}",service="x"')

    def token_garbage(self):
        self.answer(200, b'{"token":"abc\\r\\nX-More: 1"}')

    def expires(self):
        """Takes each token once only."""
        given = self.headers.get('Authorization')
        with lock:
            used = sum(1 for e in log[self.id] if given and e['authorization'] == given)
        if given and used == 1:
            return self.good()
        here = f'http://127.0.0.1:{ports[0]}/file/token_fresh/{self.id}'
        self.answer(401, WWW_Authenticate=f'Bearer realm="{here}",service="x",scope="repository:{self.kind}/{self.id}:pull"')

    def token_fresh(self):
        self.answer(200, json.dumps({'access_token': f't{self.turn}', 'expires_in': 300}).encode())

    # Manifests. A HEAD is answered with the header fields alone.
    def document(self, body, media=MANIFEST, **fields):
        fields.setdefault('Docker_Content_Digest', digest(body))
        self.answer(200, body, Content_Type=media, **fields)

    def manifest_good(self):
        self.document(manifest())

    def manifest_other(self):
        """Other content than what is pinned, and no word of it."""
        self.document(manifest(annotations={'other': 'yes'}), Docker_Content_Digest=digest(manifest()))

    def manifest_lying(self):
        self.document(manifest(), Docker_Content_Digest=digest(b'another'))

    def manifest_malformed(self):
        self.document(manifest(), Docker_Content_Digest='sha256:../../x')

    def manifest_malformed_head(self):
        if self.command == 'HEAD':
            return self.manifest_malformed()
        self.document(manifest())

    def manifest_mixed(self):
        self.document(manifest(manifests=[]))

    def manifest_type(self):
        self.document(manifest(), 'application/vnd.oci.image.index.v1+json')

    def manifest_charset(self):
        self.document(manifest(), MANIFEST + '; charset=utf-8')

    def manifest_big(self):
        self.document(b' ' * (5 << 20))

    def manifest_negative(self):
        self.document(manifest(layers=[{**descriptor('x/y', b'1'), 'size': -1}]))

    def manifest_huge(self):
        self.document(manifest(layers=[{**descriptor('x/y', b'1'), 'size': 1 << 63}]))

    def manifest_no_head(self):
        return self.answer(405) if self.command == 'HEAD' else self.document(manifest())

    def manifest_bare(self):
        self.answer(200, manifest(), Content_Type=MANIFEST)

    def manifest_gzip(self):
        self.document(gzip.compress(manifest()), Content_Encoding='gzip')

    def manifest_busy(self):
        if self.turn == 0:
            return self.answer(429, Retry_After='1')
        self.document(manifest())


def serve(server):
    ports.append(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 64
    def handle_error(self, *_):
        pass
serve(Server(('127.0.0.1', 0), Handler))
serve(Server(('127.0.0.1', 0), Handler))
secure = Server(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
serve(secure)
print(*ports, flush=True)
# The test's process may have started us with the signal blocked.
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
threading.Event().wait()
