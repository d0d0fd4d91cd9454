# SPDX-License-Identifier: Apache-2.0
"""serve under clients that mean it no good, and behind caches: what one client takes, the others still have."""

import base64
import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time

import contents
from harness import call, case, equal, require
from serve_cases import served

NODE = contents.CALICO[0]
MIB = 1 << 20


def peak(server):
    """The most memory that the server has had, in bytes."""
    for line in open(f"/proc/{server.pid}/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmHWM")


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=20)


def small_blob(address):
    """The path of the smallest blob of an image."""
    path, tag = NODE.split(":")
    get = lambda path: call("curl", "-fsS", f"http://{address}{path}")
    top = json.loads(get(f"/v2/{path}/manifests/{tag}"))
    if "manifests" in top:
        top = json.loads(get(f"/v2/{path}/manifests/{top['manifests'][0]['digest']}"))
    return f"/v2/{path}/blobs/{top['config']['digest']}"


@case
def serve_holds_little_for_a_client_that_does_not_read(world):
    """131 MB of pipelined requests whose answers are not read: the server stops reading, and stays below 64 MiB."""
    with served(world, world.bundle) as (server, address):
        client = connect(address)
        client.settimeout(2)
        request, sent = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 4000, 0
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sent < 131_000_000:
                sent += client.send(request)
        require(sent < 131_000_000, "the server read all of it")
        require(peak(server) <= 64 * MIB, f"{peak(server)} bytes")
        equal(call("curl", "-fsS", f"http://{address}/healthz"), "ok\n", "another client")
        client.close()


@case
def serve_holds_little_of_unfinished_requests(world):
    """2,000 connections with 58 KB of headers each, and 2,000 with 15 KB that do not end: below 96 MiB, and other
    clients are answered all the time."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    with served(world, world.bundle) as (server, address):
        for size in (58_000, 15_000):
            clients = []
            head = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 990)
                                                               for n in range(size // 1000))
            for _ in range(2000):
                client = connect(address)
                clients.append(client)
                with contextlib.suppress(ConnectionError):
                    client.sendall(head)
            equal(call("curl", "-fsS", f"http://{address}/healthz"), "ok\n", "another client")
            for client in clients:
                client.close()
        require(peak(server) <= 96 * MIB, f"{peak(server)} bytes")


@case
def serve_answers_known_users_while_others_guess(world):
    """64 clients guess passwords: a user who is known and one who is new get a small blob; those who guess get 401
    or 429."""
    folder = world.folder("served-guess")
    call("htpasswd", "-cbB", "-C", "11", folder / "users", "known", "right")
    call("htpasswd", "-bB", "-C", "11", folder / "users", "new", "right")
    with served(world, world.bundle) as (_, address):
        path = small_blob(address)
    with served(world, world.bundle, "--htpasswd", folder / "users") as (_, address):
        host, port = address.rsplit(":", 1)
        call("curl", "-fsS", "-u", "known:right", "-o", folder / "blob", f"http://{address}{path}")
        answers, over = set(), threading.Event()

        def guess(number):
            count = 0
            while not over.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    connection = http.client.HTTPConnection(host, int(port), timeout=20)
                    while not over.is_set():
                        count += 1
                        login = base64.b64encode(f"known:{number}-{count}".encode()).decode()
                        connection.request("GET", path, headers={"Authorization": f"Basic {login}"})
                        answer = connection.getresponse()
                        answer.read()
                        answers.add(answer.status)

        threads = [threading.Thread(target=guess, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        try:
            time.sleep(1)
            for user in ("known", "new"):
                start = time.monotonic()
                told = call("curl", "-fsS", "--retry", "20", "--retry-delay", "1", "-u", f"{user}:right",
                            "-o", folder / "blob", "-w", "%{http_code} %{time_total}", f"http://{address}{path}")
                print(user, told, time.monotonic() - start)
                require(told.startswith("200"), told)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        require(answers <= {401, 429}, answers)


@case
def serve_does_not_wait_for_the_reader_of_its_log(world):
    """stderr is a full pipe: requests are answered all the same, SIGHUP ends the server with 0, and what the log
    could not say is counted."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen([world.sealift, "serve", world.bundle, "--listen", address], stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            if subprocess.run(["curl", "-fs", f"http://{address}/healthz"], capture_output=True).returncode == 0:
                break
            time.sleep(0.05)
        host, port = address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        for _ in range(6000):
            connection.request("GET", "/healthz?" + "x" * 800)
            equal(connection.getresponse().read(), b"ok\n", "the answer")
        connection.close()
        server.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        log = server.stderr.read().decode()
        equal(server.wait(timeout=60), 0, "the exit code")
        require("lines of this log were left out" in log, log[-500:])
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


@case
def serve_writes_a_certificate_only_when_it_listens(world):
    """A second start at the same address fails, and the first one's certificate is still the one in the folder."""
    folder = world.folder("served-twice")
    with served(world, world.bundle, "--tls-self-signed", "sea.hub", cwd=folder) as (_, address):
        before = (folder / "sea.hub.crt").read_bytes()
        world.refused(75, [address], "serve", world.bundle, "--tls-self-signed", "sea.hub", "--listen", address,
                      cwd=folder)
        equal((folder / "sea.hub.crt").read_bytes(), before, "the certificate")
        call("curl", "-fsS", "--cacert", folder / "sea.hub.crt", f"https://{address}/healthz")


@contextlib.contextmanager
def cache(world, kind, folder, origin):
    """nginx or squid as a caching proxy in front of `origin`; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.chmod(folder, 0o777)
    os.chmod(world.work, 0o755)
    if kind == "nginx":
        (folder / "nginx.conf").write_text(f"""daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}
http {{ access_log off; proxy_cache_path {folder}/cache keys_zone=z:1m; client_body_temp_path {folder}/b;
proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{origin}; proxy_cache z; proxy_http_version 1.1;
proxy_cache_revalidate on; add_header X-Cache $upstream_cache_status; proxy_set_header Host $http_host; }} }} }}""")
        program = ["nginx", "-c", folder / "nginx.conf", "-e", folder / "log"]
    else:
        host, origin_port = origin.rsplit(":", 1)
        (folder / "squid.conf").write_text(f"""http_port 127.0.0.1:{port} accel defaultsite={origin} no-vhost
cache_peer {host} parent {origin_port} 0 no-query originserver
http_access allow all
cache_mem 64 MB
maximum_object_size_in_memory 8 MB
pid_filename none
access_log none
cache_log {folder}/log
coredump_dir {folder}
netdb_filename none
pinger_enable off
""")
        program = ["squid", "-N", "-f", folder / "squid.conf"]
    proxy = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            if subprocess.run(["curl", "-fs", f"http://127.0.0.1:{port}/healthz"], capture_output=True).returncode == 0:
                break
            require(proxy.poll() is None, (folder / "log").read_text() if (folder / "log").exists() else kind)
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        proxy.terminate()
        proxy.wait(timeout=60)


@case
def serve_is_right_behind_caches(world):
    """nginx and squid in front of serve: manifests are revalidated and keep their type, and skopeo copies an image
    twice."""
    path, tag = NODE.split(":")
    with served(world, world.bundle) as (server, origin):
        for kind in ("nginx", "squid"):
            folder = world.folder(f"served-{kind}")
            with cache(world, kind, folder, origin) as address:
                url = f"http://{address}/v2/{path}/manifests/{tag}"
                heads = []
                for _ in range(3):
                    head = call("curl", "-fsS", "-D", "-", "-o", folder / "manifest", url).lower()
                    heads.append([line for line in head.splitlines()
                                  if line.startswith(("content-type", "docker-content-digest", "etag"))])
                equal([sorted(head) for head in heads[1:]], [sorted(heads[0])] * 2, f"{kind}: the headers")
                for turn in range(2):
                    call("skopeo", "copy", "-q", "--src-tls-verify=false", "--override-arch", world.architectures[0],
                         f"docker://{address}/{NODE}", f"dir:{folder}/image{turn}")
        require(" 304 " in server.log.read_text(), "no cache has asked whether the manifest is as it was")
