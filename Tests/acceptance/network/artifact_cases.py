# SPDX-License-Identifier: Apache-2.0
"""Content of every kind that a registry may serve, across collect, serve, push and export."""

import json
import urllib.error
import urllib.request

import odd_registry
from engine import packed, pushed
from harness import call, case, equal, require
from odd_registry import AMD64, digest
from push_cases import target
from serve_cases import served


def collected(world, name, registry, names, more="", platforms="linux/amd64", options=()):
    """A bundle of those names, collected from the odd registry."""
    folder = world.folder(name)
    listed = "".join(f"  - {registry.place}/{one}\n" for one in names)
    (folder / "spec.yaml").write_text(
        f"version: 1\nname: odd\nplatforms: [{platforms}]\n" + (f"images:\n{listed}" if names else "") + more)
    world.ok("collect", folder / "spec.yaml", "-o", folder / "odd.sealift", "--insecure", registry.place, *options)
    return folder / "odd.sealift"


def fetch(place, path, accept="*/*"):
    """The body of an answer, and its headers."""
    request = urllib.request.Request(f"http://{place}/v2/{path}", headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        require(False, f"{path} of {place}: {error}")


def walk(registry, place, repository, name, seen):
    """Fetches all that a tag or digest names from `place`, and compares it with the registry, byte by byte."""
    if (repository, name) in seen:
        return
    seen.add((repository, name))
    data, media_type = registry.manifests[repository, name]
    body, headers = fetch(place, f"{repository}/manifests/{name}", media_type)
    equal(body, data, f"the manifest {repository} {name}")
    equal(headers["Content-Type"], media_type, f"the type of {repository} {name}")
    content = json.loads(data)
    for child in content.get("manifests") or []:
        if child["mediaType"] in (odd_registry.INDEX, odd_registry.MANIFEST, odd_registry.LIST, odd_registry.DOCKER):
            walk(registry, place, repository, child["digest"], seen)
    for blob in [content.get("config"), *(content.get("layers") or [])]:
        if blob:
            equal(fetch(place, f"{repository}/blobs/{blob['digest']}")[0], registry.blobs[blob["digest"]],
                  f"a blob of {repository}")


@case
def every_odd_kind_crosses_by_serve(world):
    """Each odd but valid kind of content is carried and served to the byte; skopeo copies what it copies upstream."""
    with odd_registry.odd_registry() as registry:
        names = odd_registry.fill(registry)
        bundle = collected(world, "odd-serve", registry, names)
        world.ok("verify", bundle)
        world.ok("inspect", bundle)
        again = collected(world, "odd-serve-again", registry, names, options=("--reuse", bundle))
        equal(again.read_bytes(), bundle.read_bytes(), "a bundle of the same content")
        with served(world, bundle) as (_, place):
            seen = set()
            for name in names:
                walk(registry, place, *name.split(":"), seen)
            folder = world.folder("odd-copies")
            copied = 0
            for number, name in enumerate(names):
                upstream = skopeo(f"{registry.place}/{name}", folder / f"u{number}")
                ours = skopeo(f"{place}/{name}", folder / f"o{number}")
                equal(ours, upstream, f"what skopeo copies of {name}")
                copied += upstream is not None
            require(copied > 30, f"skopeo copied {copied} of {len(names)}")


def skopeo(source, folder):
    """The files that skopeo copies; `None` where it cannot."""
    import subprocess
    process = subprocess.run(["skopeo", "copy", "-q", "--all", "--src-tls-verify=false", f"docker://{source}",
                              f"dir:{folder}"], capture_output=True, text=True)
    if process.returncode:
        return None
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@case
def odd_kinds_keep_their_digests_through_push(world):
    """Whatever docker-registry takes of the odd kinds has its digest after push, also with --exact."""
    with odd_registry.odd_registry() as registry:
        # docker-registry knows no SHA-512 in places, and no nested index without its parts.
        names = [name for name in odd_registry.fill(registry)
                 if not any(word in name for word in ("sha512", "foreign", "unusual", "urls"))]
        bundle = collected(world, "odd-push", registry, names)
        with target(world, "odd-target") as there:
            world.ok("push", bundle, "--to", there.place, "--insecure", there.place, "--exact")
            folder = world.folder("odd-back")
            for number, name in enumerate(names):
                data, _ = registry.manifests[tuple(name.split(":"))]
                body, _ = fetch(there.place, name.replace(":", "/manifests/"), ", ".join(
                    (odd_registry.INDEX, odd_registry.MANIFEST, odd_registry.LIST, odd_registry.DOCKER)))
                equal(digest(body), digest(data), f"{name} after push")
                equal(skopeo(f"{there.place}/{name}", folder / f"b{number}"),
                      skopeo(f"{registry.place}/{name}", folder / f"u{number}"), f"what skopeo copies of {name}")


@case
def narrowing_keeps_what_belongs_to_a_carried_manifest(world):
    """Of an index for two platforms, one and its attestation are carried; the other and its own are not."""
    with odd_registry.odd_registry() as registry:
        entries = []
        for architecture in ("amd64", "arm64"):
            image = registry.image("n/a", architecture, architecture=architecture)
            proof = registry.artifact("n/a", layers=[("application/vnd.in-toto+json", architecture.encode())])
            entries += [{**image, "platform": {**AMD64, "architecture": architecture}},
                        {**proof, "platform": {"architecture": "unknown", "os": "unknown"},
                         "annotations": {"vnd.docker.reference.digest": image["digest"]}}]
        registry.index("n/a", entries, "v1")
        bundle = collected(world, "odd-narrow", registry, ["n/a:v1"])
        lock = json.loads(world.ok("inspect", "--json", bundle).out)["lock"]["images"][0]
        equal([part["digest"] for part in lock["platforms"]], [entries[0]["digest"]], "the platforms")
        equal([part["digest"] for part in lock["others"]], [entries[1]["digest"]], "what belongs to them")
        whole = collected(world, "odd-whole", registry, ["n/a:v1"], platforms="linux/amd64, linux/arm64")
        with target(world, "odd-narrow-target") as there:
            world.ok("push", bundle, "--to", there.place, "--insecure", there.place)
            body, _ = fetch(there.place, "n/a/manifests/v1", odd_registry.INDEX)
            equal([entry["digest"] for entry in json.loads(body)["manifests"]],
                  [entry["digest"] for entry in entries[:2]], "the narrowed index")
            world.ok("push", whole, "--to", there.place, "--insecure", there.place, "--exact")
            world.ok("push", whole, "--to", f"{there.place}/one", "--insecure", there.place, "--platform",
                     "linux/arm64")
            body, _ = fetch(there.place, "one/n/a/manifests/v1", odd_registry.INDEX)
            equal([entry["digest"] for entry in json.loads(body)["manifests"]],
                  [entry["digest"] for entry in entries[2:]], "the index of one platform")


@case
def what_cannot_be_carried_is_refused(world):
    """An image for another platform, indexes nested too deep, docker's schema 1: each refusal says what to do."""
    with odd_registry.odd_registry() as registry:
        odd_registry.nested(registry, "r/deep", "v1", 6)
        registry.image("r/arm", "arm", "v1", architecture="arm64")
        registry.index("r/arms", [registry.image("r/arms", "arm", architecture="arm64")], "v1")
        registry.manifest("r/old", {"schemaVersion": 1, "name": "old", "tag": "v1", "fsLayers": []},
                          "application/vnd.docker.distribution.manifest.v1+prettyjws", "v1")
        for name, code, words in (("r/deep", 65, ["nested more than 4 deep"]),
                                  ("r/arm", 69, ["nothing for linux/amd64, only for linux/arm64"]),
                                  ("r/arms", 69, ["nothing for linux/amd64, only for linux/arm64"]),
                                  ("r/old", 65, ["schema version is 1", "skopeo copy --format v2s2"])):
            folder = world.folder("odd-refused")
            (folder / "s.yaml").write_text(
                f"version: 1\nname: s\nplatforms: linux/amd64\nimages: ['{registry.place}/{name}:v1']\n")
            world.refused(code, words, "collect", folder / "s.yaml", "-o", folder / "s.sealift", "--insecure",
                          registry.place)


@case
def containerd_imports_upstreams_digest(world):
    """`ctr images import` needs no two descriptors of one name: each name of index.json is there once."""
    with odd_registry.odd_registry() as registry:
        names = odd_registry.fill(registry)
        bundle = collected(world, "odd-names", registry, names)
        index = json.loads(call("tar", "-xOf", bundle, "index.json"))
        named = [entry["annotations"].get("io.containerd.image.name") for entry in index["manifests"][1:]]
        require(None not in named, f"every descriptor has a name: {named}")
        equal(len(set(named)), len(named), "names in index.json")


def sign(registry, repository, subject, suffix="sig"):
    """What cosign keeps beside an image: a tag that is made of its digest."""
    tag = subject.replace(":", "-") + f".{suffix}"
    registry.artifact(repository, tag, config=b'{"architecture":"","os":"","config":{},"rootfs":{"type":"layers"}}',
                      config_type=odd_registry.CONFIG,
                      layers=[("application/vnd.dev.cosign.simplesigning.v1+json", subject.encode())])
    return tag


@case
def what_is_attached_crosses_with_its_image(world):
    """cosign's tags and referrers of both forms are carried, locked, served as referrers, and pushed along."""
    with odd_registry.odd_registry() as registry:
        image = registry.image("a/tool", "tool", "v1")
        tags = [sign(registry, "a/tool", image["digest"], kind) for kind in ("sig", "att", "sbom")]
        sbom = registry.artifact("a/tool", artifactType="application/spdx+json", layers=[("text/spdx", b"{}")],
                                 subject=image)
        proof = registry.artifact("a/tool", artifactType="application/vnd.dev.cosign.artifact.sig.v1+json",
                                  layers=[("text/plain", b"signed")], subject=sbom)
        lists = {image["digest"]: [{**sbom, "artifactType": "application/spdx+json"}],
                 sbom["digest"]: [{**proof, "artifactType": "application/vnd.dev.cosign.artifact.sig.v1+json"}]}

        def referrers(handler):
            if "/referrers/" not in handler.path:
                return False
            found = lists.get(handler.path.rsplit("/", 1)[1], [])
            handler.answer(200, json.dumps({"schemaVersion": 2, "mediaType": odd_registry.INDEX,
                                            "manifests": found}).encode(), Content_Type=odd_registry.INDEX)
            return True

        registry.hook = referrers
        registry.image("a/plain", "plain", "v1")
        registry.index("a/plain", [], digest(b"nothing").replace(":", "-"))
        bundle = collected(world, "attached", registry, ["a/tool:v1"], "attached: [signatures, sboms]\n")
        locked = [one["reference"] for one in json.loads(world.ok("inspect", "--json", bundle).out)["lock"]["images"]]
        wanted = ["a/tool:v1", f"a/tool:{tags[0]}", f"a/tool:{tags[2]}", f"a/tool@{sbom['digest']}",
                  f"a/tool@{proof['digest']}"]
        equal(sorted(locked), sorted(f"{registry.place}/{name}" for name in wanted), "what the lock has")
        spec = bundle.parent / "spec.yaml"
        world.ok("lock", spec, "--insecure", registry.place)
        sign(registry, "a/tool", sbom["digest"])
        again = bundle.with_name("again.sealift")
        world.ok("collect", spec, "-o", again, "--insecure", registry.place)
        equal(again.read_bytes(), bundle.read_bytes(), "a collect from the lock, though more was signed")
        with served(world, bundle) as (_, place):
            body, _ = fetch(place, f"a/tool/referrers/{image['digest']}")
            equal([entry["digest"] for entry in json.loads(body)["manifests"]], [sbom["digest"]], "referrers")
            fetch(place, f"a/tool/manifests/{tags[0]}")
        with target(world, "attached-target") as there:
            world.ok("push", bundle, "--to", there.place, "--insecure", there.place)
            for name in (tags[0], tags[2], sbom["digest"], proof["digest"]):
                body, _ = fetch(there.place, f"a/tool/manifests/{name}", odd_registry.MANIFEST)
                equal(body, registry.manifests["a/tool", name][0], f"{name} after push")
        # A list that names what does not belong to the image.
        lists[image["digest"]] = [{**proof, "artifactType": "application/spdx+json"}]
        spec.with_suffix(".lock.json").unlink()
        world.refused(65, ["does not name as its subject"], "collect", spec, "-o", spec.parent / "wrong.sealift",
                      "--insecure", registry.place)


@case
def a_chart_of_a_registry_crosses(world):
    """A Helm chart from oci:// is pinned by version and digest, carried as it is, served and pushed."""
    with odd_registry.odd_registry() as registry:
        chart = pushed(registry, "charts/web", "1.2.3_b1", packed({"Chart.yaml": "name: web\nversion: 1.2.3+b1\n"}))
        line = f"charts: [{{ chart: 'oci://{registry.place}/charts/web', version: 1.2.3+b1, digest: '%s' }}]\n"
        bundle = collected(world, "chart", registry, [], line % chart["digest"])
        with served(world, bundle) as (_, place):
            walk(registry, place, "charts/web", "1.2.3_b1", set())
        folder = world.folder("chart-wrong")
        (folder / "s.yaml").write_text("version: 1\nname: s\nplatforms: linux/amd64\n" + line % digest(b"other"))
        world.refused(65, ["the spec says sha256:"], "collect", folder / "s.yaml", "-o", folder / "s.sealift",
                      "--insecure", registry.place)


@case
def foreign_layers_come_from_their_urls(world):
    """A layer that registries may not distribute is fetched from the URL in its manifest with --foreign-layers only, without
    a login and verified; without it the error names the URL."""
    kinds = ("application/vnd.oci.image.layer.nondistributable.v1.tar", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    with odd_registry.odd_registry() as registry, odd_registry.odd_registry() as far:
        folder = world.folder("foreign")
        logins = []
        far.hook = lambda handler: logins.append(handler.headers["Authorization"])
        auth = folder / "auth.json"
        auth.write_text(json.dumps({"auths": {far.place: {"auth": "dTpw"}}}))
        network = ("--insecure", registry.place, "--insecure", far.place)
        for number, kind in enumerate(kinds):
            layer = odd_registry.tar(f"foreign {number}")
            there = far.blob(layer, kind)
            config = {"architecture": "amd64", "os": "linux", "config": {},
                      "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}}

            def tagged(tag, **more):
                registry.manifest("f/image", {
                    "schemaVersion": 2, "mediaType": odd_registry.MANIFEST, "layers": [{**there, **more}],
                    "config": registry.blob(json.dumps(config).encode(), odd_registry.CONFIG)}, odd_registry.MANIFEST, tag)
                (folder / f"{tag}.yaml").write_text("version: 1\nname: f\nplatforms: [linux/amd64]\nimages: "
                                                    f"['{registry.place}/f/image:{tag}']\n")
                return folder / f"{tag}.yaml", "-o", folder / f"{tag}.sealift"

            url = f"http://{far.place}/v2/x/blobs/{there['digest']}"
            named = tagged(f"named{number}", urls=["http://127.0.0.1:1/gone", url])
            world.refused(69, ["may not distribute", "127.0.0.1:1/gone", "--foreign-layers"], "collect", *named, *network)
            equal(logins, [], "requests to the URL before it was allowed")
            world.ok("collect", *named, *network, "--foreign-layers", environment={"REGISTRY_AUTH_FILE": str(auth)})
            equal(set(logins), {None}, "logins at the URL")
            logins.clear()
            call("tar", "-xOf", folder / f"named{number}.sealift", f"blobs/sha256/{there['digest'].split(':')[1]}")
            world.refused(69, ["may not distribute", "no other place"], "collect", *tagged(f"bare{number}"), *network,
                          "--foreign-layers")
            far.blobs[there["digest"]] = odd_registry.tar(f"another {number}")
            world.refused(65, [there["digest"]], "collect", *tagged(f"wrong{number}", urls=[url]), *network, "--foreign-layers")
            logins.clear()
