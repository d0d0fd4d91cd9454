#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A miniature upstream on loopback: a real docker-registry and a real nginx, filled and running.

usage: upstream.py FOLDER [ARCHITECTURE]...

Fills FOLDER, starts both servers on free ports, writes FOLDER/upstream.json (ports, mirror
arguments, layer ids), and serves until it is told to end (SIGTERM, SIGINT). Architectures are
Debian's names, the machine's own and arm64 unless given; one that the archive cannot deliver is
left out with a word on standard error.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import contents
import images
from debian import Debian, native

# The servers are unpacked, not installed: installing would start them on the machine's own ports.
SERVERS = ["docker-registry", "nginx", "libpcre2-8-0", "libssl3", "libcrypt1", "zlib1g"]
REGISTRY_PROGRAM = "servers/usr/bin/docker-registry"
REGISTRY_SETTINGS = """version: 0.1
log: {{level: info, formatter: text, accesslog: {{disabled: false}}}}
storage:
  filesystem: {{rootdirectory: {folder}/registry}}
  delete: {{enabled: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http:
  addr: 127.0.0.1:0
  secret: demo
"""
NGINX_SETTINGS = """{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 64; }}
http {{
  access_log {folder}/nginx-access.log;
  client_body_temp_path {folder}/temporary;
  proxy_temp_path {folder}/temporary;
  fastcgi_temp_path {folder}/temporary;
  uwsgi_temp_path {folder}/temporary;
  scgi_temp_path {folder}/temporary;
  default_type application/octet-stream;
  sendfile on;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/www;
    location /slow/ {{ alias {folder}/www/; limit_rate 10m; }}
  }}
}}
"""


def die_with_parent():
    """Has the kernel end a server whose parent was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def environment(servers):
    """Where the unpacked nginx finds its libraries."""
    libraries = ":".join(str(path) for path in (servers / "usr/lib").glob("*-linux-gnu"))
    return {**os.environ, "LD_LIBRARY_PATH": libraries}


def wait_for(condition, process, what):
    """Waits until `condition()` gives a value; 20 seconds at most."""
    for _ in range(400):
        value = condition()
        if value:
            return value
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode}")
        time.sleep(0.05)
    raise RuntimeError(f"{what} did not come up in 20 seconds")


def start_registry(folder):
    """(process, port) of docker-registry: it binds port 0 and says in its log which one it got."""
    settings, log = folder / "registry.yml", folder / "registry.log"
    settings.write_text(REGISTRY_SETTINGS.format(folder=folder))
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [folder / REGISTRY_PROGRAM, "serve", settings], stdout=out, stderr=out,
            stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    said = wait_for(lambda: re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text()), process,
                    "docker-registry")
    return process, int(said.group(1))


def start_nginx(folder):
    """(process, port) of nginx: a free port is looked for, and another one if it was taken meanwhile."""
    (folder / "temporary").mkdir()
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(NGINX_SETTINGS.format(user=user, folder=folder, port=port))
        process = subprocess.Popen(
            [folder / "servers/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf",
             "-e", folder / "nginx-error.log", "-g", "daemon off;"],
            env=environment(folder / "servers"), stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        try:
            wait_for(lambda: answers(port), process, "nginx")
            return process, port
        except RuntimeError as failure:
            stop([process])
            reason = failure
    raise RuntimeError(f"{reason}: {(folder / 'nginx-error.log').read_text()}")


def answers(port):
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(processes):
    """Ends the processes and waits for them."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unpacked(folder, architectures):
    """{architecture: folder of Debian's files}; the machine's own must be there, others may be missing."""
    own = native()
    if own not in contents.MACHINE:
        sys.exit(f"upstream: the demo is made for {' and '.join(contents.MACHINE)}, this machine is {own}")
    wanted = sorted(set(architectures or [own, "arm64"]) | {own}, key=lambda name: (name != own, name))
    archive = Debian(folder / "debian", wanted)
    roots = {}
    for architecture in wanted:
        root = folder / "debian/root" / architecture
        try:
            archive.unpack(contents.PACKAGES, architecture, root)
            if architecture == own:
                archive.unpack(SERVERS, own, folder / "servers")
            roots[architecture] = root
        except subprocess.CalledProcessError as failure:
            if architecture == own:
                sys.exit(f"upstream: Debian's packages cannot be fetched:\n{failure.stderr}")
            print(f"upstream: left out {architecture}, its packages cannot be fetched", file=sys.stderr)
    return roots


def fill(folder, roots, registry):
    """Writes the web server's files, pushes all images, and returns the base's layer ids."""
    for architecture, root in roots.items():
        place = folder / "www/linux/static/stable" / contents.MACHINE[architecture]
        contents.docker_tarball(root, folder / "debian/packing", place / "docker-19.03.15.tgz")
    for domain, made in contents.container_images(roots).items():
        for image in made:
            images.push(image, registry, domain)
    made, ids = contents.base_image(roots)
    images.push(made, registry, "sealer")
    images.push(contents.split_base_image(roots), registry, "sealer")
    for path, data in contents.web_files().items():
        place = folder / "www" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    shutil.rmtree(folder / "debian")
    return ids


def description(folder, registry_port, web_port, roots, ids):
    """What upstream.json says."""
    registry = f"127.0.0.1:{registry_port}"
    mirrors = {
        "docker.io": f"{registry}/docker.io",
        "quay.io": f"{registry}/quay.io",
        "registry.cn-qingdao.aliyuncs.com": f"{registry}/sealer",
        "https://download.docker.com": f"http://127.0.0.1:{web_port}",
        "https://raw.githubusercontent.com": f"http://127.0.0.1:{web_port}/github",
    }
    arguments = [part for pair in mirrors.items() for part in ("--mirror", "=".join(pair))]
    return {
        "registry": registry,
        "registry-program": str(folder / REGISTRY_PROGRAM),
        "web": f"http://127.0.0.1:{web_port}",
        "architectures": list(roots),
        "arguments": [*arguments, "--insecure", registry, "--insecure", f"127.0.0.1:{web_port}"],
        "layers": ids,
    }


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0) if not ready.is_set() else end.set())
    ready = threading.Event()
    servers = []
    try:
        roots = unpacked(folder, sys.argv[2:])
        registry, registry_port = start_registry(folder)
        servers.append(registry)
        ids = fill(folder, roots, f"http://127.0.0.1:{registry_port}")
        web, web_port = start_nginx(folder)
        servers.append(web)
        told = folder / "upstream.json.partial"
        said = description(folder, registry_port, web_port, roots, ids)
        told.write_text(json.dumps(said, indent=2) + "\n")
        ready.set()
        told.rename(folder / "upstream.json")
        end.wait()
    finally:
        stop(servers)


if __name__ == "__main__":
    main()
