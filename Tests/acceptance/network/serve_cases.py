# SPDX-License-Identifier: Apache-2.0
"""serve with what the built binary adds to the library: volumes, TLS, settings of clients, refusals, stopping."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import tomllib

import yaml

import contents
from delta_cases import more, options
from harness import call, case, equal, flip, podman, require, serving, sha256

NODE = contents.CALICO[0]


@contextlib.contextmanager
def served(world, *arguments, cwd=None):
    """`serve` on a free port; gives the process and its host:port, and ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = world.folder("served-log") / "log"
    with open(log, "w") as err:
        server = subprocess.Popen([world.sealift, "serve", *arguments, "--listen", address], stderr=err, cwd=cwd)
    server.log = log
    try:
        for _ in range(200):
            if "\nserving " in "\n" + log.read_text():
                break
            require(server.poll() is None, log.read_text())
            time.sleep(0.05)
        yield server, address
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


@case
def serve_reads_volumes_and_never_completes_wrong_bytes(world):
    """skopeo copies from volumes; once a byte of one changes, the response is cut and the log names the blob."""
    folder = world.folder("served-volumes")
    spec, bundle = world.spec(folder), folder / "split.sealift"
    world.ok("collect", spec, "-o", bundle, "--platform", world.own, "--no-tool", "--volume-size", "20MB", *world.network)
    with served(world, f"{bundle}.001") as (server, address):
        call("skopeo", "copy", "-q", "--src-tls-verify=false", "--override-arch", world.architectures[0],
             f"docker://{address}/{NODE}", f"dir:{folder}/image")
        sums = call("curl", "-fsS", f"http://{address}/files/SHA256SUMS").split()
        url = f"http://{address}/files/{sums[1]}"
        call("curl", "-fsS", "-o", folder / "file", url)
        equal(sha256(folder / "file"), sums[0], "a file that spans volumes")
        flip(f"{bundle}.002", 10_000_000)
        cut = subprocess.run(["curl", "-sS", "-o", folder / "wrong", url], capture_output=True, text=True)
        require(cut.returncode != 0, "a damaged file was sent to its end")
        require((folder / "wrong").stat().st_size < (folder / "file").stat().st_size, "all of it was sent")
        require(f"damaged sha256:{sums[0]}" in server.log.read_text(), server.log.read_text())


@case
def serve_tls_with_a_certificate_of_its_own(world):
    """--tls-self-signed writes NAME.crt, with which curl and skopeo trust the server, under its name alone."""
    folder = world.folder("served-tls")
    with served(world, world.bundle, "--tls-self-signed", "sea.hub", cwd=folder) as (_, address):
        port = address.split(":")[1]
        told = call("curl", "-fsS", "--cacert", folder / "sea.hub.crt", "--resolve", f"sea.hub:{port}:127.0.0.1",
                    f"https://sea.hub:{port}/v2/_catalog")
        require("calico/node" in told, told)
        call("skopeo", "inspect", "--raw", "--cert-dir", folder, f"docker://{address}/{NODE}")
        equal(subprocess.run(["curl", "-s", f"https://{address}/v2/"]).returncode, 60, "without the certificate")


@case
def serve_refuses_what_it_cannot_do(world):
    """A taken port, a certificate or password file that cannot be read, another's key, a missing bundle."""
    folder = world.folder("served-refused")
    (folder / "users").write_text("reader:{SHA}x\n")
    (folder / "empty.pem").write_text("")
    with served(world, world.bundle) as (_, address):
        world.refused(75, [address, "--listen"], "serve", world.bundle, "--listen", address)
    options = ["serve", world.bundle, "--listen", "127.0.0.1:0"]
    world.refused(66, ["none.pem"], *options, "--tls", folder / "none.pem", folder / "none.key")
    world.refused(78, ["empty.pem"], *options, "--tls", folder / "empty.pem", folder / "empty.pem")
    world.refused(78, ["line 1", "htpasswd -B"], *options, "--htpasswd", folder / "users")
    world.refused(66, ["none.sealift"], "serve", folder / "none.sealift")
    if os.geteuid() == 0:
        os.chmod(folder, 0o755)
        (folder / "secret.pem").write_text("x")
        os.chmod(folder / "secret.pem", 0o600)
        # Another user's; the binary and the bundle may lie where only root looks.
        os.chmod(world.work, 0o755)
        world.refused(77, ["secret.pem"], *options, "--tls", folder / "secret.pem", folder / "secret.pem",
                      prefix=["setpriv", "--reuid=65534", "--clear-groups", "--"])


@case
def serve_lets_running_downloads_end(world):
    """SIGTERM during a download: it ends whole, no new client is let in, and the exit code is 0."""
    folder = world.folder("served-stop")
    with served(world, world.bundle) as (server, address):
        sums = call("curl", "-fsS", f"http://{address}/files/SHA256SUMS").split()
        url = f"http://{address}/files/{sums[1]}"
        size = int(re.search(r"(?i)content-length: (\d+)", call("curl", "-fsSI", url)).group(1))
        download = subprocess.Popen(["curl", "-fsS", "--limit-rate", str(size // 3), "-o", folder / "file", url])
        while not (folder / "file").exists() or not (folder / "file").stat().st_size:
            require(download.poll() is None, "the download ended early")
            time.sleep(0.02)
        server.send_signal(signal.SIGTERM)
        equal(download.wait(timeout=60), 0, "curl")
        equal(sha256(folder / "file"), sums[0], "the file")
        equal(server.wait(timeout=60), 0, "exit code of the server")
        equal(subprocess.run(["curl", "-s", url]).returncode, 7, "after the stop")


@case
def serve_settings_are_what_clients_read(world):
    """--print-config: containerd pulls by it from two registries' names; the others parse and name the server."""
    folder = world.folder("served-settings")
    with served(world, world.bundle) as (server, address):
        told = {client: world.ok("serve", world.bundle, "--listen", address, "--print-config", client).out
                for client in ("docker", "containerd", "k3s", "podman", "sealer")}
        equal(json.loads(told["docker"])["registry-mirrors"], [f"http://{address}"], "docker")
        equal(list(tomllib.loads(told["containerd"])["host"]), [f"http://{address}"], "containerd")
        mirrors = yaml.safe_load(told["k3s"])["mirrors"]
        equal({name: entry["endpoint"] for name, entry in mirrors.items()},
              {name: [f"http://{address}"] for name in
               ("docker.io", "quay.io", "sea.hub:5000", "registry.cn-qingdao.aliyuncs.com")}, "k3s")
        equal(told["sealer"].splitlines()[-1], "127.0.0.1 sea.hub", "sealer")
        (folder / "registries.conf").write_text(told["podman"])
        with podman(folder / "root") as tool:
            for name in (f"docker.io/{NODE}", f"quay.io/{contents.OPERATOR}", f"sea.hub:5000/{NODE}"):
                call(*tool, "pull", "-q", name,
                     env={**os.environ, "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf")})
        asked = server.log.read_text()
        require(re.search(r'"GET /v2/docker.io/calico/\S+ HTTP/1.1" 200', asked), "podman asks by the full name")
        hosts = folder / "hosts/_default"
        hosts.mkdir(parents=True)
        (hosts / "hosts.toml").write_text(told["containerd"])
        daemon = subprocess.Popen(["containerd", "--root", folder / "r", "--state", folder / "s", "-a", folder / "c"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            ctr = ["ctr", "-a", folder / "c"]
            for _ in range(200):
                if subprocess.run([*ctr, "version"], capture_output=True).returncode == 0:
                    break
                time.sleep(0.05)
            for name in (f"docker.io/{NODE}", f"quay.io/{contents.OPERATOR}", f"sea.hub:5000/{NODE}"):
                call(*ctr, "content", "fetch", "--hosts-dir", folder / "hosts", name)
        finally:
            daemon.terminate()
            daemon.wait()
        log = server.log.read_text()
        for domain in ("docker.io", "quay.io", "sea.hub"):
            require(re.search(rf"manifests/\S+\?ns={domain}\S* HTTP/1.1\" 200", log), f"{domain} is not in {log}")


@case
def docker_pulls_by_the_settings_and_loads_exports(world):
    """The docker of the bundle's own tarball: its daemon reads --print-config docker, pulls calico/node by its old
    name and the operator by the server's, and loads what export writes."""
    folder = world.folder("docker")
    # A socket's path has at most 107 bytes.
    socket_path = folder / "s"
    world.ok("export", world.bundle, "docker", "--format", "file", "--platform", world.own, "-o", folder / "docker.tgz")
    call("tar", "-xzf", folder / "docker.tgz", "-C", folder)
    environment = {**os.environ, "PATH": f"{folder}/docker:{os.environ['PATH']}", "DOCKER_CONFIG": str(folder)}
    docker = ["docker", "-H", f"unix://{socket_path}"]
    with served(world, world.bundle) as (server, address):
        settings = world.ok("serve", world.bundle, "--listen", address, "--print-config", "docker").out
        (folder / "daemon.json").write_text(settings)
        with open(folder / "log", "w") as log:
            daemon = subprocess.Popen(
                ["dockerd", "--config-file", folder / "daemon.json", "--data-root", folder / "d", "--exec-root",
                 folder / "x", "-p", folder / "pid", "-H", f"unix://{socket_path}", "--bridge", "none",
                 "--iptables=false", "--ip6tables=false", "--storage-driver", "vfs"],
                env=environment, stdout=log, stderr=log)
        try:
            for _ in range(300):
                if subprocess.run([*docker, "version"], env=environment, capture_output=True).returncode == 0:
                    break
                require(daemon.poll() is None, (folder / "log").read_text())
                time.sleep(0.1)
            told = call(*docker, "pull", NODE, env=environment)
            digest = re.search(r"(?m)^Digest: (sha256:[0-9a-f]{64})$", told).group(1)
            equal(digest, "sha256:" + sha256(manifest(folder, address, NODE)), "the digest that docker tells")
            call(*docker, "pull", f"{address}/quay.io/{contents.OPERATOR}", env=environment)
            require(" 200 " in server.log.read_text(), "docker did not ask the server")
            archive = subprocess.run([world.sealift, "export", world.bundle, "registry:2.7.1", "-o", "-",
                                      "--platform", world.own], stdout=subprocess.PIPE, check=True).stdout
            loaded = subprocess.run([*docker, "load"], input=archive, env=environment, capture_output=True)
            equal((loaded.returncode, loaded.stdout), (0, b"Loaded image: registry:2.7.1\n"), "docker load")
        finally:
            daemon.terminate()
            daemon.wait()


def manifest(folder, address, name):
    """The file of what the server tells under a name."""
    path, tag = name.split(":")
    call("curl", "-fsS", "-o", folder / "manifest", f"http://{address}/v2/{path}/manifests/{tag}")
    return folder / "manifest"


@case
def serve_lays_a_delta_over_the_bundle_that_it_builds_on(world):
    """Alone, a delta says what it lacks; beside the old bundle, skopeo copies old and new images from the two."""
    folder = world.folder("served-delta")
    spec, image = more(world, folder)
    delta = folder / "delta.sealift"
    world.ok("collect", spec, "-o", delta, "--since", world.bundle, *options(world))
    with served(world, delta) as (server, address):
        require("are in none of the bundles" in server.log.read_text(), server.log.read_text())
        require("are not in the bundles" in call("curl", "-fsS", f"http://{address}/"), "the page does not say it")
    with served(world, delta, world.bundle) as (server, address):
        require("are in none of" not in server.log.read_text(), server.log.read_text())
        for name in (NODE, image.split("/", 1)[1]):
            target = world.folder("copied")
            call("skopeo", "copy", "-q", "--src-tls-verify=false", "--override-arch", world.architectures[0],
                 f"docker://{address}/{name}", f"dir:{target}")


@case
def skopeo_syncs_from_serve(world):
    """skopeo sync takes a repository of the server into a folder and into a registry, and each image has its digest."""
    folder = world.folder("served-sync")
    locked = json.loads(world.ok("inspect", world.bundle, "--json").out)["lock"]["images"]
    digest = next(image["digest"] for image in locked if image["reference"].endswith(NODE))
    repository, tag = NODE.split(":")
    with served(world, world.bundle) as (_, address), serving(world, folder, folder / "data") as there:
        sync = ["skopeo", "sync", "--all", "--src-tls-verify=false", "--src", "docker"]
        call(*sync, "--dest", "dir", f"{address}/{repository}", folder / "out")
        copies = list((folder / "out").rglob("manifest.json"))
        equal(["sha256:" + sha256(copy) for copy in copies], [digest], "what skopeo sync wrote")
        call(*sync, "--dest", "docker", "--dest-tls-verify=false", f"{address}/{repository}", f"{there}/copy")
        listed = json.loads(call("curl", "-fsS", f"http://{there}/v2/copy/{repository.split('/')[-1]}/tags/list"))
        equal(listed["tags"], [tag], "the tags after skopeo sync")
