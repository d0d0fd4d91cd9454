# SPDX-License-Identifier: Apache-2.0
"""The record of where a bundle's content came from: against what the servers and openssl say."""

import contextlib
import hashlib
import http.server
import json
import ssl
import subprocess
import threading
from pathlib import Path

from document_cases import of_form
from harness import call, case, equal, require


def record_of(bundle):
    """The record beside the bundle, of its form; its blobs by digest."""
    record = of_form(Path(f"{bundle}.provenance.json").read_text())
    blobs = {blob["digest"]: blob for blob in record["blobs"]}
    equal(len(blobs), len(record["blobs"]), "each blob once")
    return record, blobs


@contextlib.contextmanager
def tls_servers(folder, content):
    """Two HTTPS servers, of which the first redirects to the second with a signed query; gives both URLs and the CA."""
    call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", folder / "tls.key", "-out",
         folder / "tls.pem", "-subj", "/O=Site, Inc/CN=files.example", "-addext", "subjectAltName=IP:127.0.0.1")
    places, servers = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.server is servers[0]:
                self.send_response(302)
                self.send_header("Location", f"{places[1]}/real?Signature=very-secret")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem", folder / "tls.key")
    for _ in range(2):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        places.append(f"https://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield places
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@case
def the_record_says_which_server_answered(world):
    """Of a file: the URL that was asked, the one that answered after redirects, its address and certificate, as openssl has it."""
    folder = world.folder("provenance-tls")
    content = b"content over TLS\n" * 5000
    with tls_servers(folder, content) as places:
        (folder / "s.yaml").write_text(f"version: 1\nname: s\nplatforms: [linux/amd64]\nfiles:\n  it:\n    url: {places[0]}/it?token=x\n"
                                       "  own:\n    text: hello\n")
        world.ok("collect", folder / "s.yaml", "-o", folder / "s.sealift", "--ca", folder / "tls.pem")
        world.ok("lock", folder / "s.yaml", "--ca", folder / "tls.pem")
        world.ok("collect", folder / "s.yaml", "-o", folder / "t.sealift", "--ca", folder / "tls.pem")
    fingerprint = call("sh", "-c", f"openssl x509 -in {folder}/tls.pem -outform DER | sha256sum").split()[0]
    for name in ("s", "t"):
        record, blobs = record_of(folder / f"{name}.sealift")
        answers = blobs["sha256:" + hashlib.sha256(content).hexdigest()]["answers"]
        answer = answers[-1]
        equal((answer["asked"], answer["answered"], answer["address"]), (f"{places[0]}/it", f"{places[1]}/real", "127.0.0.1"), name)
        equal(answer["certificate"]["fingerprint"], f"sha256:{fingerprint}", "the certificate")
        require("files.example" in answer["certificate"]["subject"] and "files.example" in answer["certificate"]["issuer"], f"{answer}")
        require("secret" not in json.dumps(record) and "token" not in json.dumps(record["blobs"]), "a query is in the record")
        equal(blobs["sha256:" + hashlib.sha256(b"hello").hexdigest()]["way"], "file", "the way of a text of the spec")
        equal("lock" in record, name == "t", "whether there was a lock")
    equal(record["lock"]["digest"], "sha256:" + hashlib.sha256((folder / "s.lock.json").read_bytes()).hexdigest(), "the lock")


@case
def every_blob_has_its_way(world):
    """Each blob of a bundle is in its record: fetched, with who answered; copied, with the place; or made by sealift."""
    folder = world.folder("provenance")
    facts = of_form(world.ok("inspect", world.bundle, "--json").out)
    record, blobs = record_of(world.bundle)
    equal((record["bundle"]["digest"], record["bundle"]["size"]), (facts["digest"], facts["size"]), "the bundle")
    names = {name.rsplit("/", 1)[1] for name in call("tar", "-tf", world.bundle).split() if name.startswith("blobs/sha256/")} - {""}
    equal({digest.removeprefix("sha256:") for digest in blobs}, names, "blobs of the record and of the tar")
    require({blob["way"] for blob in blobs.values()} <= {"network", "made"}, "a new bundle comes from the network")
    for blob in blobs.values():
        require(blob["way"] == "made" or blob["answers"], f"no answer for {blob}")
    registry = json.dumps([blob["answers"] for blob in blobs.values() if "answers" in blob])
    require(world.registry.removeprefix("http://") in registry, f"the registry is not named: {registry[:300]}")
    equal(facts["provenance"]["state"], "matches", "inspect")
    require("provenance" in world.ok("inspect", world.bundle).out, "inspect names the record")
    world.ok("verify", world.bundle, "--report", folder / "report")
    equal(of_form((folder / "report.json").read_text())["provenance"]["digest"],
          "sha256:" + hashlib.sha256(Path(f"{world.bundle}.provenance.json").read_bytes()).hexdigest(), "the report's digest of it")
    again = folder / "again.sealift"
    world.ok("collect", world.spec(folder), "-o", again, "--reuse", world.bundle, "--volume-size", "100MB", *world.network)
    record, blobs = record_of(again)
    require({blob["way"] for blob in blobs.values()} <= {"bundle", "made", "network"}, "ways of a copy")
    large = max(blobs.values(), key=lambda blob: blob["size"])
    equal((large["way"], large["place"]), ("bundle", str(world.bundle)), "the way of a large blob")
    equal(of_form(world.ok("inspect", again, "--json").out)["provenance"]["state"], "matches", "a bundle in volumes")


@case
def a_record_is_only_beside_its_own_bundle(world):
    """--no-provenance writes none; a record of another bundle, or what is none, is said to be so and stops nothing."""
    folder = world.folder("provenance-other")
    spec = folder / "s.yaml"
    spec.write_text("version: 1\nname: s\nplatforms: [linux/amd64]\nfiles: {a: {text: one}}\n")
    world.ok("collect", spec, "-o", folder / "s.sealift", "--no-provenance")
    beside = folder / "s.sealift.provenance.json"
    require(not beside.exists(), "a record was written")
    require("provenance" not in of_form(world.ok("inspect", folder / "s.sealift", "--json").out), "inspect")
    world.ok("collect", spec, "-o", folder / "o.sealift")
    old = Path(folder / "o.sealift.provenance.json").read_bytes()
    world.ok("collect", spec, "-o", folder / "o.sealift")
    equal(Path(folder / "o.sealift.provenance.json").read_bytes(), old, "the record of a bundle that was there already")
    spec.write_text(spec.read_text().replace("one", "two"))
    world.ok("collect", spec, "-o", folder / "o.sealift", "--no-provenance")
    equal(of_form(world.ok("inspect", folder / "o.sealift", "--json").out)["provenance"]["state"], "other", "a stale record")
    for text in ("{", "[]", "", "\u001b[31m", '{"schema":"provenance/2"}'):
        beside.write_text(text)
        equal(of_form(world.ok("inspect", folder / "s.sealift", "--json").out)["provenance"]["state"], "unreadable", text)
        require("cannot be read" in world.ok("inspect", folder / "s.sealift").out, "in words")
    # A record of 9 MB that says nothing, three million times.
    digest = json.loads(old)["bundle"]["digest"]
    beside.write_text(f'{{"schema":"provenance/1","ended":"","bundle":{{"digest":"{digest}"}},"blobs":[{"{}," * 3_000_000}{{}}]}}')
    said = world.ok("inspect", folder / "s.sealift", "--json", prefix=["/usr/bin/time", "-f", "%M", "-o", folder / "peak"])
    equal(of_form(said.out)["provenance"]["state"], "matches", "a long record")
    require(int((folder / "peak").read_text()) < 100 << 10, f"it took {(folder / 'peak').read_text()} KiB")
    beside.unlink()
    beside.mkdir()
    equal(of_form(world.ok("inspect", folder / "s.sealift", "--json").out)["provenance"]["state"], "unreadable", "a folder")
    require(subprocess.run(["ls", beside], check=False).returncode == 0, "it stays")
