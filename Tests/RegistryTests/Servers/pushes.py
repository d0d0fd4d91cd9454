#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that takes pushes, and misbehaves as the repository's name says. Two plain ports.

usage: pushes.py      prints the ports, serves until it is ended.
/v2/KIND/ID/...       KIND names a method of `Kinds`, or is good; ID keeps tests apart.
/log/ID               what was asked for so far and how it was answered, as JSON.
It follows the distribution specification 1.1: parts in order or 416, the status of an upload by GET.
"""
import collections, hashlib, http.server, json, signal, threading, urllib.parse, uuid

log, lock, ports = collections.defaultdict(list), threading.Lock(), []
uploads, blobs, seen = {}, collections.defaultdict(dict), collections.Counter()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do(self):
        url = urllib.parse.urlparse(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.parts = url.path.strip('/').split('/')
        self.body, self.entry = None, {}
        self.length = int(self.headers.get('Content-Length') or 0)
        if self.parts[0] == 'log':
            return self.answer(200, json.dumps(log[self.parts[1]]).encode())
        if self.parts[0] == 'token':
            return self.answer(200, json.dumps({'token': uuid.uuid4().hex, 'expires_in': 300}).encode())
        if len(self.parts) < 4:
            return self.answer(200, b'{}')
        self.kind, self.id, what = self.parts[1], self.parts[2], self.parts[3]
        self.entry = {'method': self.command, 'path': url.path, 'query': url.query, 'status': 0,
                      'port': self.server.server_port, 'range': self.headers.get('Content-Range'),
                      'authorization': self.headers.get('Authorization')}
        with lock:
            log[self.id].append(self.entry)
            key = (self.id, self.command, what, 'mount' in self.query)
            self.turn = seen[key]
            seen[key] += 1
        method = getattr(self, self.kind.replace('-', '_'), None)
        if method is None or not method():
            self.good()
    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do

    def log_message(self, *_):
        pass

    def answer(self, status, body=b'', **fields):
        self.take()
        self.entry['status'] = status
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        for name, value in fields.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)
        return True

    def take(self):
        """The request's body, read once."""
        if self.body is None:
            self.body = self.rfile.read(self.length)
            if len(self.body) < self.length:
                raise ConnectionResetError
        return self.body

    def hang_up(self):
        self.close_connection = True
        return True

    # The registry as it should be.
    def place(self, name):
        return f'http://127.0.0.1:{self.server.server_port}/v2/{self.kind}/{self.id}/blobs/uploads/{name}'

    def stand(self, name, status):
        """An answer that tells how far the upload is."""
        end = max(len(uploads[name]) - 1, 0)
        return self.answer(status, Location=self.place(name), Range=f'0-{end}')

    def upload(self):
        return uploads.get(self.parts[-1])

    def good(self):
        if self.parts[3] == 'manifests':
            return self.manifests()
        if self.parts[4] != 'uploads':
            data = blobs[self.id].get(self.parts[-1])
            return self.answer(404) if data is None else self.answer(200, data)
        if self.command == 'POST':
            name = uuid.uuid4().hex
            uploads[name] = bytearray()
            return self.stand(name, 202)
        data = self.upload()
        if data is None:
            return self.answer(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')
        if self.command == 'GET':
            return self.stand(self.parts[-1], 204)
        if self.command == 'DELETE':
            del uploads[self.parts[-1]]
            return self.answer(204)
        first = int((self.headers.get('Content-Range') or f'{len(data)}-').split('-')[0])
        if first != len(data):
            self.take()
            return self.answer(416, Location=self.place(self.parts[-1]), Range=f'0-{max(len(data) - 1, 0)}')
        data += self.take()
        if self.command == 'PATCH':
            return self.stand(self.parts[-1], 202)
        return self.commit(data)

    def commit(self, data):
        found = 'sha256:' + hashlib.sha256(data).hexdigest()
        if self.query.get('digest') != found:
            return self.answer(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        blobs[self.id][found] = bytes(data)
        return self.answer(201, Location=f'/v2/{self.kind}/{self.id}/blobs/{found}', Docker_Content_Digest=found)

    def manifests(self):
        name = self.parts[-1]
        if self.command == 'PUT':
            digest = 'sha256:' + hashlib.sha256(self.take()).hexdigest()
            blobs[self.id][name] = digest
            return self.answer(201, Docker_Content_Digest=digest)
        digest = blobs[self.id].get(name)
        return self.answer(200, Docker_Content_Digest=digest) if digest else self.answer(404)

    # Kinds of misbehaviour: each returns whether it has answered.
    def cut(self):
        """Breaks off inside the second part, and keeps what came of it."""
        if self.command == 'PATCH' and self.turn == 1:
            data = self.upload()
            data += self.rfile.read(self.length // 2)
            return self.hang_up()

    def forgetful(self):
        """Breaks off, and does not know the upload any more, as docker's registry."""
        if self.command == 'PATCH' and self.turn == 1:
            self.rfile.read(self.length // 2)
            return self.hang_up()
        if self.command == 'GET':
            return self.answer(404, b'{"errors":[{"code":"BLOB_UPLOAD_INVALID"}]}')

    def cut_always(self):
        if self.command == 'PATCH':
            self.rfile.read(self.length // 2)
            return self.hang_up()

    def loses_a_part(self):
        if self.command == 'PATCH' and self.turn == 1:
            del self.upload()[100:]

    def takes_half(self):
        """Says that it took the first half of each of the first parts."""
        if self.command == 'PATCH' and self.turn < 2 and self.length > 1000:
            data = self.upload()
            data += self.take()[:self.length // 2]
            return self.stand(self.parts[-1], 202)

    def takes_too_much(self):
        if self.command == 'PATCH':
            return self.answer(202, Location=self.place(self.parts[-1]), Range='0-99999999')

    def nonsense_range(self):
        if self.command == 'PATCH':
            self.upload().extend(self.take())
            return self.answer(202, Range='bytes 5-x,9-')

    def least_chunk(self):
        least = 700_000
        if self.command == 'POST':
            name = uuid.uuid4().hex
            uploads[name] = bytearray()
            return self.answer(202, Location=self.place(name), Range='0-0', OCI_Chunk_Min_Length=str(least))
        if self.command == 'PATCH' and self.length < least and len(self.upload()) == 0:
            return self.answer(416)

    def no_parts(self):
        if self.command == 'PATCH':
            return self.answer(405)

    def parts_unsupported(self):
        if self.command == 'PATCH':
            return self.answer(415)

    def relative(self):
        if self.command == 'POST':
            name = uuid.uuid4().hex
            uploads[name] = bytearray()
            return self.answer(202, Location=f'../uploads/{name}?state=a%2Fb', Range='0-0')
        if self.command in ('PATCH', 'PUT') and self.query.get('state') != 'a/b' and self.turn == 0:
            return self.answer(400)

    def relative_from_root(self):
        if self.command == 'POST':
            name = uuid.uuid4().hex
            uploads[name] = bytearray()
            return self.answer(202, Location=f'/v2/{self.kind}/{self.id}/blobs/uploads/{name}')

    def challenged(self, field='Basic realm="here"'):
        return not self.headers.get('Authorization') and self.answer(401, WWW_Authenticate=field)

    def elsewhere(self):
        """Requires a login, and the content on another server."""
        if self.server.server_port == ports[1]:
            return False
        if self.challenged():
            return True
        if self.command == 'POST':
            name = uuid.uuid4().hex
            uploads[name] = bytearray()
            return self.answer(202, Location=self.place(name).replace(f':{ports[0]}/', f':{ports[1]}/'))

    def elsewhere_later(self):
        if self.server.server_port == ports[0] and self.challenged():
            return True
        if self.command == 'PATCH' and self.turn == 0:
            self.upload().extend(self.take())
            there = self.place(self.parts[-1]).replace(f':{ports[0]}/', f':{ports[1]}/')
            return self.answer(202, Location=there, Range=f'0-{len(self.upload()) - 1}')

    def to_file(self):
        return self.command == 'POST' and self.answer(202, Location='file:///etc/passwd')

    def to_nowhere(self):
        return self.command == 'POST' and self.answer(202)

    def to_user(self):
        return self.command == 'POST' and self.answer(202, Location=f'http://u:p@127.0.0.1:{ports[1]}/x')

    def to_redirect(self):
        return self.command == 'PATCH' and self.answer(307, Location=f'http://127.0.0.1:{ports[1]}{self.path}')

    def mount_denied(self):
        return 'mount' in self.query and self.answer(403, b'{"errors":[{"code":"DENIED"}]}')

    def mount_unknown(self):
        return 'mount' in self.query and self.answer(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}')

    def mount_unsupported(self):
        return 'mount' in self.query and self.answer(405)

    def mount_done(self):
        return 'mount' in self.query and self.answer(201)

    def mount_lies(self):
        return 'mount' in self.query and self.answer(201, Docker_Content_Digest='sha256:' + '0' * 64)

    def bare(self):
        """Says as little as it may at the end."""
        if self.command == 'PUT':
            if self.parts[3] == 'blobs':
                blobs[self.id][self.query['digest']] = bytes(self.upload() + self.take())
            return self.answer(201)

    def lies(self):
        if self.command == 'PUT':
            return self.answer(201, Docker_Content_Digest='sha256:' + '0' * 64)

    def garbles(self):
        return self.command == 'PUT' and self.answer(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')

    def garbles_once(self):
        return self.turn == 0 and self.garbles()

    def silent_commit(self):
        """Puts the blob in place, and says nothing."""
        if self.command == 'PUT':
            self.upload().extend(self.take())
            blobs[self.id][self.query['digest']] = bytes(self.upload())
            return self.hang_up()

    def busy(self):
        if self.turn == 0 and self.command == 'PATCH':
            return self.answer(429, Retry_After='1')
        if self.turn == 0 and self.command in ('POST', 'PUT'):
            return self.answer(503, Retry_After='0')

    def shaky(self):
        return self.turn < 1 and self.answer(502)

    def broken(self):
        return self.command != 'HEAD' and self.answer(500, b'{"errors":[{"code":"UNKNOWN"}]}')

    def read_only(self):
        return self.command != 'HEAD' and self.answer(405, b'{"errors":[{"code":"UNSUPPORTED"}]}')

    def no_repository(self):
        return self.answer(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}')

    def vague(self):
        """Says of anything that it is there, and neither its size nor its digest."""
        if self.command == 'HEAD':
            self.take()
            self.entry['status'] = 200
            self.send_response(200)
            self.end_headers()
            return True

    def head_forbidden(self):
        return self.command == 'HEAD' and self.answer(403)

    def too_large(self):
        if self.length > 100_000:
            return self.answer(413)

    def expires(self):
        """Takes each token three times."""
        given = self.headers.get('Authorization')
        with lock:
            seen[given] += 1
        if not given or seen[given] > 3:
            realm = f'http://127.0.0.1:{ports[0]}/token'
            return self.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="x",scope="repository:{self.kind}/{self.id}:pull"')

    def invalid_manifest(self):
        if self.command == 'PUT' and self.parts[3] == 'manifests':
            return self.answer(400, b'{"errors":[{"code":"MANIFEST_INVALID"}]}')


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 64
    def handle_error(self, *_):
        pass


for _ in range(2):
    server = Server(('127.0.0.1', 0), Handler)
    ports.append(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(*ports, flush=True)
# The test's process may have started us with the signal blocked.
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
threading.Event().wait()
