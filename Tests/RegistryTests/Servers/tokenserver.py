#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token server for docker-registry (distribution's token authentication specification).

usage: tokenserver.py KEY CERTIFICATE USER PASSWORD     prints its port, serves until it is ended.
Anybody may pull below `open/`, USER everything. /log gives the requests so far as JSON.
"""
import base64, http.server, json, signal, sys, threading, time, urllib.parse
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

key = serialization.load_pem_private_key(open(sys.argv[1], 'rb').read(), None)
certificate = x509.load_pem_x509_certificate(open(sys.argv[2], 'rb').read())
login = 'Basic ' + base64.b64encode(f'{sys.argv[3]}:{sys.argv[4]}'.encode()).decode()
log = []

def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=')

def token(service, access):
    chain = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    header = encode(json.dumps({'typ': 'JWT', 'alg': 'RS256', 'x5c': [chain]}).encode())
    now = int(time.time())
    claims = encode(json.dumps({
        'iss': 'tester', 'sub': 'x', 'aud': service, 'exp': now + 300, 'nbf': now - 10, 'iat': now,
        'jti': str(now), 'access': access}).encode())
    signature = key.sign(header + b'.' + claims, padding.PKCS1v15(), hashes.SHA256())
    return b'.'.join([header, claims, encode(signature)]).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def give(self, query, is_user):
        access = []
        for scope in query.get('scope', []):
            kind, name, actions = scope.split(':')
            allowed = actions.split(',') if is_user else ['pull'] if name.startswith('open/') else []
            access.append({'type': kind, 'name': name, 'actions': allowed})
        log.append({'method': self.command, 'scope': query.get('scope'), 'user': is_user})
        self.reply({'token': token(query['service'][0], access), 'expires_in': 300})

    def reply(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        if url.path == '/log':
            return self.reply(log)
        given = self.headers.get('Authorization')
        if given not in (None, login):
            return self.send_error(401)
        self.give(urllib.parse.parse_qs(url.query), given == login)

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers['Content-Length'])).decode())
        if form.get('refresh_token') != [sys.argv[4]]:
            return self.send_error(401)
        self.give(form, True)


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
# The test's process may have started us with the signal blocked.
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
threading.Event().wait()
