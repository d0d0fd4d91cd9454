# SPDX-License-Identifier: Apache-2.0
"""What specs say beyond steps: edits of TOML, files of SHA-512, included files; the shipped specs of an operator and of a chart."""

import hashlib
import json
import tarfile
import tomllib

import base
import images
from harness import ROOT, Store, call, case, equal, require
from images import Entry
from refusal_base_cases import GOOD, STEPS, mini_base
from spec_cases import built, shipped, tar_of

CONFIG = """version = 2 # kept
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.6" # pause
    ignored = ["a"]

    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = ""
"""


def web(world, path, data):
    """The URL of a file of the upstream's web server."""
    place = world.upstream_folder / "www" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return f"{world.said['web']}/{path}"


def pushed(world, prefix, *names):
    """Pushes small images for the upstream's platforms."""
    for name in names:
        made = {}
        for architecture in world.architectures:
            layer = images.tar(images.files([Entry("name", 0o644, f"{name} {architecture}".encode())]))
            made[architecture] = images.container(images.OCI, architecture, [layer], ["/x"])
        images.push(images.listed_image(name, images.OCI, made), f"http://{world.registry}", prefix)


@case
def toml_is_edited_in_place(world):
    """containerd's config.toml: a value, a table that is made, a list; every other byte stays, and Python reads what was meant."""
    steps = STEPS + """      - edit: etc/config.toml
        set:
          'plugins."io.containerd.grpc.v1.cri".registry.config_path': /etc/containerd/certs.d
          'plugins."io.containerd.grpc.v1.cri".sandbox_image': sea.hub:5000/pause:3.6
          'plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io".endpoint': ["http://sea.hub:5000"]
          debug.level: info
        append: { 'plugins."io.containerd.grpc.v1.cri".ignored': b }
"""
    text = mini_base(world, "toml", {**GOOD, "etc/config.toml": CONFIG.encode()}).replace(STEPS, steps)
    target = built(world, "toml", text).merged("mini/toml-built:1", world.folder("shipped-toml"))
    made = (target / "etc/config.toml").read_text()
    said = tomllib.loads(made)
    cri = said["plugins"]["io.containerd.grpc.v1.cri"]
    equal((said["debug"], cri["ignored"], cri["sandbox_image"]), ({"level": "info"}, ["a", "b"], "sea.hub:5000/pause:3.6"), "values")
    equal(cri["registry"], {"config_path": "/etc/containerd/certs.d", "mirrors": {"docker.io": {"endpoint": ["http://sea.hub:5000"]}}}, "registry")
    require("version = 2 # kept\n" in made and 'pause:3.6" # pause\n' in made, f"comments are lost: {made}")
    folder = world.folder("shipped-toml-bad")
    bad = text.replace("set:\n", "set:\n          version.x: 1\n", 1)
    world.refused(78, [r"etc/config\.toml", r"no key 'x'", r"rawdocker\.yaml:\d+:9"], "check", world.spec(folder, bad), *world.network, cwd=folder)


@case
def files_are_pinned_by_sha512(world):
    """A digest and a list of SHA-512 are obeyed, the lock and the bundle have the file under it, and the build takes it."""
    data = b"content of sha512\n"
    digest = hashlib.sha512(data).hexdigest()
    url = web(world, "sha512/it", data)
    (world.upstream_folder / "www/sha512/plain").write_bytes(data)
    lists = [call("sha512sum", *options, "it", cwd=world.upstream_folder / "www/sha512") for options in ([], ["--tag"])]
    folder = world.folder("shipped-sha512")
    (folder / "own").write_bytes(data)
    options = ["--insecure", world.said["web"].removeprefix("http://"), *world.network]
    for number, pin in enumerate([f"url: {url}\n    sha512: sha512:{digest}", f"path: own\n    sha512: {digest}",
                                  *(f"url: {url}\n    sha512sums: {web(world, f'sha512/list{place}', text.encode())}"
                                    for place, text in enumerate(lists))]):
        text = mini_base(world, f"sha512-{number}", GOOD).replace(STEPS, STEPS + "      - { put: opt/it, file: it }\n")
        spec = world.spec(folder, text.replace("images:\n", f"files:\n  it:\n    {pin}\nimages:\n", 1))
        made, store = folder / f"{number}.sealift", world.folder("shipped-sha512-store")
        (folder / "kubernetes-rawdocker.lock.json").unlink(missing_ok=True)
        if number == 0:
            world.ok("lock", spec, *options)
        world.ok("collect", spec, "-o", made, *options)
        world.ok("verify", made)
        locked = json.loads(world.ok("inspect", made, "--json").out)["lock"]["files"]
        equal([file["digest"] for file in locked], [f"sha512:{digest}"], "the lock's digest")
        require(f"blobs/sha512/{digest}" in call("tar", "-tf", made), "the member's name")
        world.ok("apply", made, "--store", store, "--platform", world.own)
        target = Store(store).merged(f"mini/sha512-{number}-built:1", world.folder("shipped-sha512-merged"))
        equal((target / "opt/it").read_bytes(), data, "the file")
    wrong = text.replace("images:\n", f"files:\n  it:\n    url: {url}\n    sha512: {'0' * 128}\nimages:\n", 1)
    (folder / "kubernetes-rawdocker.lock.json").unlink(missing_ok=True)
    world.refused(65, [digest[:20], "0" * 20], "collect", world.spec(folder, wrong), "-o", folder / "w.sealift", *options)


@case
def a_spec_includes_others(world):
    """What a file includes is carried and locked, a mistake in it is named by its own place, and --dry-run shows all."""
    pushed(world, "from", "inc:1", "inc:2")
    folder = world.folder("shipped-include")
    (folder / "parts").mkdir()
    (folder / "parts/note").write_text("a note\n")
    part = folder / "parts/common.yaml"
    part.write_text(f"version: 1\nfiles: {{ note: {{ path: note }} }}\nimages: [{world.registry}/from/inc:1]\n")
    spec = world.spec(folder, f"version: 1\nname: inc\ninclude: parts/common.yaml\nplatforms: [{world.own}]\nimages: [{world.registry}/from/inc:2]\n")
    made, options = folder / "inc.sealift", [*world.network]
    world.ok("lock", spec, *options)
    dry = world.ok("collect", spec, "--dry-run", "--json", "-o", made, *options).out
    require("inc:1" in dry and "inc:2" in dry and "note" in dry, f"--dry-run leaves something out: {dry}")
    world.ok("collect", spec, "-o", made, *options)
    said = json.loads(world.ok("inspect", made, "--json").out)
    equal([image["reference"].rsplit("/", 1)[1] for image in said["lock"]["images"]], ["inc:1", "inc:2"], "images")
    equal([file["url"] for file in said["lock"]["files"]], ["file:parts/note"], "files")
    (folder / "parts/note").write_text("another note\n")
    world.refused(65, [r"parts/note is sha256", "--update note"], "collect", spec, "-o", made, *options)
    part.write_text(f"version: 1\nimages:\n- {world.registry}/from/none:1\n- B\n")
    world.refused(78, [r"parts/common\.yaml:4:3: 'B'"], "check", spec, *options, cwd=folder)
    part.write_text(f"version: 1\nimages:\n- {world.registry}/from/none:1\n")
    world.refused((66, 69), [r"none:1", r"parts/common\.yaml:3:3"], "check", spec, *options, cwd=folder)


def small_base(world, name):
    """The layers of a base without a network plugin."""
    return [("COPY", "rootfs/* .", images.files([Entry("etc/daemon.json", 0o644, GOOD["etc/daemon.json"])])),
            ("COPY", "${ARCH}/* .", images.files([Entry("bin/kubeadm", 0o755, name.encode())]))]


def collected(world, name, text):
    """Collects and applies a shipped spec; gives the merged image of this tag."""
    folder, store = world.folder(f"shipped-{name}"), world.folder(f"shipped-{name}-store")
    made = folder / "it.sealift"
    said = world.ok("collect", world.spec(folder, text), "-o", made, "--insecure", world.said["web"].removeprefix("http://"), *world.network)
    world.ok("apply", made, "--store", store, "--platform", world.own)
    return made, said, Store(store)


@case
def the_spec_of_an_operator_builds(world):
    """The shipped spec of Strimzi: its own image is found, those of its env that are listed are carried and rewritten there, and
    nothing is left open."""
    pushed(world, "quay.io", "strimzi/operator:1.2.0", "strimzi/kafka:1.2.0-kafka-4.3.1", "strimzi/kafka-bridge:1.1.0")
    env = {"STRIMZI_DEFAULT_KAFKA_EXPORTER_IMAGE": "quay.io/strimzi/kafka:1.2.0-kafka-4.3.1",
           "STRIMZI_DEFAULT_TOPIC_OPERATOR_IMAGE": "quay.io/strimzi/operator:1.2.0",
           "STRIMZI_DEFAULT_KAFKA_BRIDGE_IMAGE": "quay.io/strimzi/kafka-bridge:1.1.0",
           "STRIMZI_DEFAULT_KANIKO_EXECUTOR_IMAGE": "quay.io/strimzi/kaniko-executor:1.2.0",
           "STRIMZI_DEFAULT_BUILDAH_IMAGE": "quay.io/strimzi/buildah:1.2.0",
           "STRIMZI_DEFAULT_MAVEN_BUILDER": "quay.io/strimzi/maven-builder:1.2.0"}
    lines = "".join(f"        - name: {name}\n          value: {value}\n" for name, value in env.items())
    several = "".join(f"            {version}=quay.io/strimzi/kafka:1.2.0-kafka-{version}\n" for version in ("4.2.0", "4.2.1", "4.3.0", "4.3.1"))
    yaml = ("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: strimzi-cluster-operator\nspec:\n  template:\n    spec:\n      containers:\n"
            f"      - name: operator\n        image: quay.io/strimzi/operator:1.2.0\n        env:\n{lines}"
            f"        - name: STRIMZI_KAFKA_IMAGES\n          value: |\n{several}")
    spec = ROOT / "bundles/operator-strimzi.yaml"
    upstream = "https://github.com/strimzi/strimzi-kafka-operator/releases/download/{release}/strimzi-cluster-operator-{release}.yaml"
    text = shipped(world, spec, "operator", small_base(world, "operator"), "kubernetes:v1.22.15")
    text = text.replace("FROM kubernetes:v1.22.15", f"FROM {world.registry}/shape/operator:1")
    text = text.replace(upstream, web(world, "strimzi/operator.yaml", yaml.encode()))
    _, said, store = collected(world, "operator", text)
    require("may be an image" not in said.err, f"something is left open: {said}")
    target = store.merged("kubernetes-strimzi:1.2.0", world.folder("shipped-operator-merged"))
    made = (target / "etc/strimzi.yaml").read_text()
    equal(made.count("sea.hub:5000/strimzi/operator:1.2.0"), 2, "the operator's image and its env")
    equal(made.count("sea.hub:5000/strimzi/kafka:1.2.0-kafka-4.3.1"), 2, "kafka in the env")
    require("value: quay.io/strimzi/buildah:1.2.0" in made and "4.2.0=quay.io/strimzi/kafka" in made, f"what is not carried stays: {made}")
    equal(made.replace("sea.hub:5000", "quay.io"), yaml, "all else")
    equal(sorted((target / "manifests/imageList").read_text().split()), [
        "sea.hub:5000/strimzi/kafka-bridge:1.1.0", "sea.hub:5000/strimzi/kafka:1.2.0-kafka-4.3.1", "sea.hub:5000/strimzi/operator:1.2.0"], "the list")


@case
def the_spec_of_a_helm_site_builds(world):
    """The shipped spec of cert-manager: the chart is an artifact of the bundle and names its images, and the sealer image has it
    unpacked, with Helm."""
    names = [f"jetstack/cert-manager-{name}:v1.16.2" for name in ("controller", "cainjector", "webhook", "startupapicheck", "acmesolver")]
    pushed(world, "quay.io", *names)
    regular = tarfile.REGTYPE
    chart = tar_of([
        ("cert-manager/Chart.yaml", regular, b"apiVersion: v2\nname: cert-manager\nversion: v1.16.2\nappVersion: v1.16.2\n", 0o644),
        ("cert-manager/values.yaml", regular, b"# values\ncrds:\n  enabled: false\nimage: { repository: quay.io/jetstack/cert-manager-controller }\n", 0o644),
        ("cert-manager/templates/deployment.yaml", regular,
         b"spec:\n  containers:\n  - image: {{ .Values.image.repository }}:{{ .Chart.AppVersion }}\n    args:\n"
         b"    - --acme-http01-solver-image=quay.io/jetstack/cert-manager-acmesolver:{{ .Chart.AppVersion }}\n", 0o644),
        *[(f"cert-manager/templates/{name}.yaml", regular,
           f"spec:\n  containers:\n  - image: quay.io/jetstack/cert-manager-{name}:{{{{ .Chart.AppVersion }}}}\n".encode(), 0o644)
          for name in ("cainjector", "webhook", "startupapicheck")]])
    config = images.Blob("application/vnd.cncf.helm.config.v1+json", b'{"name":"cert-manager","version":"v1.16.2"}')
    layer = images.Blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", chart)
    top = images.manifest(images.OCI, config, [layer])
    images.push(images.Image("jetstack/charts/cert-manager:v1.16.2", top, [], [config, layer]), f"http://{world.registry}", "quay.io")
    architecture = world.architectures[0]
    helm = tar_of([(f"linux-{architecture}/helm", regular, b"helm", 0o755), (f"linux-{architecture}/README.md", regular, b"x", 0o644)])
    text = shipped(world, ROOT / "bundles/helm-site.yaml", "helm-site", small_base(world, "helm"), "kubernetes:v1.22.15")
    text = text.replace("FROM kubernetes:v1.22.15", f"FROM {world.registry}/shape/helm-site:1")
    sums = f"{hashlib.sha256(helm).hexdigest()}  helm-v3.16.3-linux-{architecture}.tar.gz\n"
    text = text.replace("https://get.helm.sh/helm-v3.16.3-{os}-{arch}.tar.gz.sha256sum", web(world, "helm-site/sums", sums.encode()))
    web(world, f"helm-site/helm-v3.16.3-linux-{architecture}.tar.gz", helm)
    text = text.replace("https://get.helm.sh/", f"{world.said['web']}/helm-site/")
    made, told, store = collected(world, "helm-site", text)
    require("cert-manager: 4 images" in told.err, f"how sure the images of the chart are: {told}")
    said = json.loads(world.ok("inspect", made, "--json").out)
    require(any(image["reference"] == "quay.io/jetstack/charts/cert-manager:v1.16.2" for image in said["lock"]["images"]), "the chart")
    target = store.merged("kubernetes-cert-manager:v1.16.2", world.folder("shipped-helm-merged"))
    equal((target / "bin/helm").stat().st_mode & 0o777, 0o755, "helm's mode")
    equal((target / "charts/cert-manager/values.yaml").read_text().splitlines()[:3], ["# values", "crds:", "  enabled: true"], "the edited values")
    tags = target / "registry/docker/registry/v2/repositories/jetstack"
    equal(sorted(path.name for path in tags.iterdir()), sorted(name.split("/")[1].split(":")[0] for name in names), "the saved images")
