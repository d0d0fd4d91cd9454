# SPDX-License-Identifier: Apache-2.0
"""HTTPS as a host trusts it: where certificate authorities are looked for, and which HTTP is spoken."""

import contextlib
import os
import socket
import subprocess

import upstream
from harness import call, case, equal, require

# Debian, Alpine, Arch; Fedora and Red Hat, of old and of now; SUSE, of old and of now; Alpine and BSD.
PLACES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
          "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem",
          "/var/lib/ca-certificates/ca-bundle.pem", "/etc/ssl/cert.pem"]


@contextlib.contextmanager
def https(world, folder):
    """nginx with TLS, on one port with HTTP/2 and on one without; gives both, the authority and the log of requests."""
    call("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=sealift test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key", "-out", folder / "ca")
    (folder / "temporary").mkdir()
    (folder / "www").mkdir()
    (folder / "www/it").write_text("content\n")
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    temporary = "".join(f"{name}_temp_path {folder}/temporary;" for name in
                        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    (folder / "nginx.conf").write_text(
        f"{'user root;' if os.geteuid() == 0 else ''} daemon off; worker_processes 1; pid {folder}/pid; events {{}}\n"
        f"http {{ {temporary} log_format version '$server_protocol'; access_log {folder}/requests version;\n"
        f"ssl_certificate {folder}/ca; ssl_certificate_key {folder}/key; root {folder}/www;\n"
        f"server {{ listen 127.0.0.1:{ports[0]} ssl http2; }} server {{ listen 127.0.0.1:{ports[1]} ssl; }} }}\n")
    servers = world.upstream_folder / "servers"
    nginx = subprocess.Popen([servers / "usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "errors"],
                             env=upstream.environment(servers), stdin=subprocess.DEVNULL)
    try:
        upstream.wait_for(lambda: all(map(upstream.answers, ports)), nginx, "nginx")
        yield [f"127.0.0.1:{port}" for port in ports], folder / "ca", folder / "requests"
    finally:
        nginx.terminate()
        nginx.wait()


def spec(world, folder, place):
    return world.spec(folder, f"version: 1\nname: net\nplatforms: [{world.own}]\nfiles:\n  it: {{ url: https://{place}/it }}\n")


def only(place, authority):
    """Runs a command where the places of certificate authorities are empty, but for `place`."""
    start = ('mkdir -p /var/lib/ca-certificates && mount -t tmpfs none /var/lib/ca-certificates && mount -t tmpfs none /etc && '
             'if [ "$0" != none ]; then mkdir -p "${0%/*}" && cat <&3 >"$0"; fi && exec "$@"')
    return ["sh", "-c", f'exec 3<{authority}; exec unshare --mount sh -c \'{start}\' "$0" "$@"', place]


@case
def certificate_authorities_are_found_where_distributions_keep_them(world):
    """A server's certificate is verified by the authorities of the host, wherever its distribution keeps them."""
    folder = world.folder("authorities")
    with https(world, folder) as ((place, _), authority, _):
        wanted = spec(world, folder, place)
        for number, file in enumerate(PLACES):
            world.ok("collect", wanted, "-o", folder / f"{number}.sealift", "--no-tool", prefix=only(file, authority),
                     environment={"SSL_CERT_FILE": ""})


@case
def authorities_that_are_named_are_used(world):
    """SSL_CERT_FILE takes the place of the host's authorities, --ca comes to them; without any the error says what to do."""
    folder = world.folder("authorities-named")
    with https(world, folder) as ((place, _), authority, _):
        wanted = spec(world, folder, place)
        bare = {"prefix": only("none", authority), "environment": {"SSL_CERT_FILE": ""}}
        named = {"environment": {"SSL_CERT_FILE": str(authority)}}
        world.ok("collect", wanted, "-o", folder / "variable.sealift", "--no-tool", **bare | named)
        world.ok("collect", wanted, "-o", folder / "option.sealift", "--no-tool", "--ca", authority, **bare)
        target = folder / "none.sealift"
        told = world.refused(78, ["certificate authorities", "/etc/ssl/certs/ca-certificates.crt", "SSL_CERT_FILE"], "collect",
                             wanted, "-o", target, "--no-tool", **bare)
        require("--insecure" not in told.err, f"a host without authorities is told to trust anyone: {told}")
        missing = {"environment": {"SSL_CERT_FILE": str(folder / "missing.pem")}}
        world.refused(78, ["missing.pem"], "collect", wanted, "-o", target, "--no-tool", **missing)
        # One that is there and does not know the server.
        call("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=other", "-keyout", folder / "other.key",
             "-out", folder / "other.pem")
        other = {"environment": {"SSL_CERT_FILE": str(folder / "other.pem")}}
        world.refused(69, ["does not prove its name"], "collect", wanted, "-o", target, "--no-tool", **other)
        require(not target.exists(), "a bundle without trust")


@case
def http_2_and_http_1_1_are_spoken(world):
    """Over TLS HTTP/2 is spoken with a server that has it, and HTTP/1.1 with one that has not."""
    folder = world.folder("http-versions")
    with https(world, folder) as (places, authority, requests):
        for place, version in zip(places, ["HTTP/2.0", "HTTP/1.1"]):
            world.ok("collect", spec(world, folder, place), "-o", folder / f"{version[5]}.sealift", "--no-tool", "--ca", authority)
            equal(requests.read_text().split()[-1], version, f"the version that {place} was asked by")
