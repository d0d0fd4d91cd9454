# SPDX-License-Identifier: Apache-2.0
"""Bad input to collect: each is refused with its exit code, a reason and a remedy, and changes nothing."""

import contextlib
import http.server
import json
import re
import threading

import images
from harness import call, case, equal, medium, require, serving


def spec_of(world, images=(), files=()):
    """A spec of these images and file URLs for the machine's own platform."""
    lines = ["version: 1", "name: refused", f"platforms: [{world.own}]"]
    lines += ["images:"] * bool(images) + [f"  - {name}" for name in images]
    lines += ["files:"] * bool(files)
    for number, url in enumerate(files):
        lines += [f"  file{number}:", f"    url: {url}"]
    return "\n".join(lines) + "\n"


def refuse(world, name, codes, words, text, *options, environment=None, network=None):
    """Collects the spec onto an earlier bundle, which must survive."""
    folder = world.folder(f"refused-{name}")
    spec = world.spec(folder, text)
    target = folder / "bundle.sealift"
    target.write_bytes(b"an earlier bundle")
    reach = ["--insecure", world.registry, "--insecure", world.said["web"].removeprefix("http://")]
    return world.refused(codes, words, "collect", spec, "-o", target, *(reach if network is None else network),
                         *options, unchanged=[folder], environment=environment)


@case
def refuses_an_unknown_key(world):
    """A misspelt key of the spec is reported with line and column, and what was expected."""
    text = spec_of(world, ["registry:2.7.1"]).replace("platforms:", "platfroms:")
    refuse(world, "key", 78, [r"\b3:1\b|line 3.*column 1", "platfroms", "platforms"], text)


@case
def refuses_a_wrong_type(world):
    """A list where a mapping belongs is reported with line and column."""
    text = spec_of(world, ["registry:2.7.1"]) + "files:\n  - docker\n"
    refuse(world, "type", 78, [r"\b7:3\b|line 7.*column 3", "files"], text)


@case
def refuses_a_spec_that_is_not_yaml(world):
    """YAML that does not parse is reported with its line."""
    refuse(world, "yaml", 78, [r"\b4:|line 4"], spec_of(world) + "images: [unclosed\n")


@case
def refuses_a_reference_to_nothing(world):
    """A build that repacks a file which the spec does not name is refused with its place."""
    text = spec_of(world) + ("builds:\n  - tag: some/thing:1\n    context:\n      - put: a.tar.gz\n"
                             "        repack: docker\n    kubefile: |\n      FROM scratch\n")
    refuse(world, "nothing", 78, [r"\b8:\d+|line 8", "docker"], text)


@case
def refuses_a_missing_spec(world):
    """A spec that does not exist is a missing input."""
    folder = world.folder("refused-spec")
    world.refused(66, ["none.yaml"], "collect", folder / "none.yaml", unchanged=[folder])


@case
def refuses_a_missing_image(world):
    """A tag that upstream does not have (404) is upstream's failure, told by its reference."""
    name = f"{world.registry}/docker.io/calico/node:v0.0.0"
    refuse(world, "404", 69, ["calico/node:v0.0.0"], spec_of(world, [name]))


@case
def refuses_a_missing_file(world):
    """A URL that upstream does not have (404) is reported with the URL."""
    url = f"{world.said['web']}/linux/static/stable/x86_64/docker-0.0.0.tgz"
    refuse(world, "404-file", 69, ["docker-0.0.0.tgz", "404"], spec_of(world, files=[url]))


@case
def refuses_a_silent_upstream(world):
    """A registry without a listener is reported as unavailable."""
    refuse(world, "silent", 69, [r"127\.0\.0\.1:1\b"], spec_of(world, ["127.0.0.1:1/a/b:1"]),
           network=["--insecure", "127.0.0.1:1"])


@case
def refuses_plain_http_unless_told(world):
    """A registry without TLS is not used unless --insecure names it."""
    name = f"{world.registry}/docker.io/demo/oci:1"
    refuse(world, "plain", (69, 77), ["--insecure"], spec_of(world, [name]), network=[])


@case
def refuses_a_platform_that_is_not_there(world):
    """An image of one platform does not pass for another."""
    name = f"{world.registry}/docker.io/calico/node:v3.19.1"
    text = spec_of(world, [name]).replace(world.own, "linux/s390x")
    refuse(world, "platform", (65, 66, 69, 78), ["s390x", "calico/node"], text)


@contextlib.contextmanager
def private_registry(world):
    """A docker-registry that asks for a password, holding docker.io/demo/oci:1 as private/oci:1."""
    folder = world.folder("private")
    entry = call("htpasswd", "-nbB", "reader", "fathoms-deep")
    (folder / "htpasswd").write_text(entry.strip() + "\n")
    login = f"auth: {{htpasswd: {{realm: demo, path: {folder}/htpasswd}}}}\n"
    with serving(world, folder, folder / "data", login) as place:
        call("skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", "--dest-creds",
             "reader:fathoms-deep", f"docker://{world.registry}/docker.io/demo/oci:1",
             f"docker://{place}/private/oci:1")
        yield place


@case
def refuses_without_credentials(world):
    """401 is told as not authorised; a wrong password too, without showing it; the right one collects."""
    with private_registry(world) as place:
        text = spec_of(world, [f"{place}/private/oci:1"])
        network = ["--insecure", place]
        refuse(world, "401", 77, [re.escape(place)], text, network=network)
        folder = world.folder("credentials")
        wrong, right = folder / "wrong.json", folder / "right.json"
        call("skopeo", "login", "--authfile", right, "--tls-verify=false", "-u", "reader", "-p", "fathoms-deep", place)
        # base64 of reader:shallow-water
        wrong.write_text('{"auths": {"%s": {"auth": "cmVhZGVyOnNoYWxsb3ctd2F0ZXI="}}}' % place)
        outcome = refuse(world, "401-wrong", 77, [re.escape(place)], text, network=network,
                         environment={"REGISTRY_AUTH_FILE": str(wrong)})
        require("shallow" not in outcome.err and "cmVhZGVy" not in outcome.err, f"a secret is shown: {outcome}")
        spec = world.spec(folder, text)
        world.ok("collect", spec, "-o", folder / "bundle", *network, environment={"REGISTRY_AUTH_FILE": str(right)})


@contextlib.contextmanager
def damaged_blob(world, name, change):
    """The image's largest blob in the registry's storage, changed by `change(bytes)` for a while.

    docker-registry serves what lies there under the name that it has."""
    raw = images.request("GET", f"http://{world.registry}/v2/{name}/manifests/1",
                         headers={"Accept": images.OCI["manifest"]}).read()
    digest = max(json.loads(raw)["layers"], key=lambda layer: layer["size"])["digest"].removeprefix("sha256:")
    path = world.upstream_folder / f"registry/docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data"
    original = path.read_bytes()
    path.write_bytes(change(original))
    try:
        yield digest
    finally:
        path.write_bytes(original)


@case
def refuses_a_wrong_digest(world):
    """A blob of the right length and other content is reported with its digest."""
    def flip(data):
        return data[:-1] + bytes([data[-1] ^ 1])

    with damaged_blob(world, "docker.io/demo/oci", flip) as digest:
        refuse(world, "digest", 65, [digest], spec_of(world, [f"{world.registry}/docker.io/demo/oci:1"]))


@case
def refuses_a_short_blob(world):
    """A blob that upstream has cut short is reported with its digest."""
    with damaged_blob(world, "docker.io/demo/oci", lambda data: data[: len(data) // 2]) as digest:
        refuse(world, "short", (65, 69), [digest], spec_of(world, [f"{world.registry}/docker.io/demo/oci:1"]))


@contextlib.contextmanager
def breaking_server():
    """A web server that promises a million bytes and closes the connection after a thousand."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(b"x" * 1000)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@case
def refuses_a_short_body(world):
    """A server that keeps closing the connection in the middle of a file is reported with the URL."""
    with breaking_server() as place:
        refuse(world, "body", (65, 69), [f"{place}/docker.tgz"],
               spec_of(world, files=[f"http://{place}/docker.tgz"]), network=["--insecure", place])


@case
def refuses_a_file_of_another_digest(world):
    """A file whose sha256 the spec gives, and which is another, is reported with both digests."""
    url = f"{world.said['web']}/linux/static/stable/{{machine}}/docker-19.03.15.tgz"
    text = spec_of(world, files=[url]) + f"    sha256: sha256:{'0' * 64}\n"
    refuse(world, "sha256", 65, ["0{64}", "docker-19.03.15.tgz"], text)


@case
def refuses_a_full_disk(world):
    """A medium without room is told before anything is fetched, and no part of a bundle stays there."""
    folder = world.folder("full")
    spec = world.spec(folder)
    # With a lock every size is known, so that nothing is fetched for a medium that is too small.
    world.ok("lock", spec, *world.network)
    with medium(world.folder("full-medium"), "size=8m") as place:
        (place / "bundle.sealift").write_bytes(b"an earlier bundle")
        world.refused(73, ["space|room"], "collect", spec, "-o", place / "bundle.sealift", "--platform", world.own,
                      *world.network, unchanged=[place])
        equal([path.name for path in place.iterdir()], ["bundle.sealift"], "files on the medium")


@case
def refuses_an_image_list_that_disagrees(world):
    """`tigrea/operator` in the image list is reported with its line before any image is fetched."""
    real = world.spec(world.folder("typo")).read_text()
    text = real.replace("imageList: [calico/*, tigera/*]", "imageList: [calico/*, tigrea/*]")
    require(text != real, "the real spec has no such imageList")
    line = text[: text.index("tigrea/*")].count("\n") + 1
    refuse(world, "typo", 78, ["tigrea", rf"\b{line}:\d+|line {line}\b"], text, network=world.network)


@case
def refuses_a_misspelt_image(world):
    """The guide's own typo, `tigrea/operator` in images and image list alike, is reported with its line."""
    text = world.spec(world.folder("typo")).read_text().replace("quay.io/tigera/operator", "quay.io/tigrea/operator")
    text = text.replace("tigera/*", "tigrea/*")
    line = text[: text.index("quay.io/tigrea")].count("\n") + 1
    refuse(world, "misspelt", (69, 78), ["tigrea", rf"\b{line}:\d+|line {line}\b"], text, network=world.network)
