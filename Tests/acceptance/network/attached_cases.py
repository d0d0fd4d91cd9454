# SPDX-License-Identifier: Apache-2.0
"""What belongs to an image, proved where it ends up: signatures that openssl makes in cosign's documented format, and that
openssl verifies from `serve` and from the site's registry."""

import base64
import hashlib
import json
import subprocess

import odd_registry
from artifact_cases import collected, fetch
from harness import call, case, equal, require
from odd_registry import CONFIG, INDEX, MANIFEST, digest
from push_cases import target
from serve_cases import served

SIGNATURE = "dev.cosignproject.cosign/signature"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


class Signer:
    """A key as `cosign generate-key-pair` has it: ECDSA on P-256 with SHA-256."""

    def __init__(self, folder):
        self.folder, self.key, self.public = folder, folder / "cosign.key", folder / "cosign.pub"
        call("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        call("openssl", "ec", "-in", self.key, "-pubout", "-out", self.public)

    def sign(self, data):
        """The signature in base64."""
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=data, capture_output=True,
                              check=True).stdout
        return base64.b64encode(made).decode()

    def verify(self, data, signature, what):
        """Fails unless openssl verifies it."""
        (self.folder / "signature").write_bytes(base64.b64decode(signature))
        told = subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.public, "-signature",
                               self.folder / "signature"], input=data, capture_output=True, check=False)
        equal(told.stdout, b"Verified OK\n", what)

    def attach(self, registry, image, repository, suffix, media_type, payload, annotations):
        """What cosign keeps under the tag that it makes of the image's digest."""
        layer = registry.blob(payload, media_type, annotations=annotations)
        config = json.dumps({"architecture": "", "created": "0001-01-01T00:00:00Z", "os": "", "config": {},
                             "history": [{"created": "0001-01-01T00:00:00Z"}],
                             "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}).encode()
        tag = f"{image['digest'].replace(':', '-')}.{suffix}"
        registry.manifest(repository, {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer],
                                       "config": registry.blob(config, CONFIG)}, MANIFEST, tag)
        return tag


def pae(kind, payload):
    """What a DSSE signature covers. Source: secure-systems-lab/dsse, protocol.md."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def publish(registry, signer, repository="a/tool"):
    """An image with a signature, an attestation, an SBOM, and a referrer that has a referrer of its own."""
    image = registry.image(repository, "tool", "v1")
    payload = json.dumps({"critical": {"identity": {"docker-reference": f"{registry.place}/{repository}"},
                                       "image": {"docker-manifest-digest": image["digest"]},
                                       "type": "cosign container image signature"}, "optional": None},
                         separators=(",", ":")).encode()
    signer.attach(registry, image, repository, "sig", SIMPLE, payload, {SIGNATURE: signer.sign(payload)})
    statement = json.dumps({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2",
                            "subject": [{"name": repository, "digest": {"sha256": image["digest"][7:]}}]}).encode()
    kind = "application/vnd.in-toto+json"
    envelope = json.dumps({"payloadType": kind, "payload": base64.b64encode(statement).decode(),
                           "signatures": [{"keyid": "", "sig": signer.sign(pae(kind, statement))}]}).encode()
    signer.attach(registry, image, repository, "att", DSSE, envelope,
                  {SIGNATURE: "", "predicateType": "https://slsa.dev/provenance/v0.2"})
    signer.attach(registry, image, repository, "sbom", "text/spdx+json", b'{"spdxVersion":"SPDX-2.3"}', {})
    sbom = registry.artifact(repository, artifactType="application/spdx+json",
                             layers=[("text/spdx+json", b'{"spdxVersion":"SPDX-2.3"}')], subject=image,
                             annotations={"org.opencontainers.image.created": "2026-01-01T00:00:00Z"})
    proof = registry.artifact(repository, artifactType=BUNDLE, layers=[(BUNDLE, b'{"mediaType":"x"}')], subject=sbom)
    for subject, entry, kind in ((image, sbom, "application/spdx+json"), (sbom, proof, BUNDLE)):
        registry.index(repository, [{**entry, "artifactType": kind}], subject["digest"].replace(":", "-"))
    return image, sbom, proof


def proved(world, signer, place, repository, image, name):
    """Verifies the image at `place` as a site does without cosign: skopeo fetches, openssl verifies. Debian's skopeo is built
    without its policy for cosign's form."""
    folder = world.folder(name)
    body, _ = fetch(place, f"{repository}/manifests/v1", MANIFEST)
    equal(digest(body), image["digest"], f"the image of {place}")
    stem = image["digest"].replace(":", "-")
    for suffix in ("sig", "att", "sbom"):
        call("skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{place}/{repository}:{stem}.{suffix}",
             f"dir:{folder}/{suffix}")
        layer = json.loads((folder / suffix / "manifest.json").read_text())["layers"][0]
        data = (folder / suffix / layer["digest"][7:]).read_bytes()
        equal(hashlib.sha256(data).hexdigest(), layer["digest"][7:], f"the {suffix} of {place}")
        if suffix == "sig":
            signer.verify(data, layer["annotations"][SIGNATURE], f"the signature from {place}")
            equal(json.loads(data)["critical"]["image"]["docker-manifest-digest"], image["digest"], "what is signed")
        if suffix == "att":
            envelope = json.loads(data)
            statement = base64.b64decode(envelope["payload"])
            signer.verify(pae(envelope["payloadType"], statement), envelope["signatures"][0]["sig"], "the attestation")
            equal(json.loads(statement)["subject"][0]["digest"]["sha256"], image["digest"][7:], "what is attested")


@case
def a_site_verifies_signatures_in_cosigns_format(world):
    """Signatures, attestations, SBOMs and referrers of referrers: verified from `serve`, from docker-registry after push,
    and from a bundle that was collected from there."""
    signer = Signer(world.folder("signer"))
    with odd_registry.odd_registry() as registry:
        image, sbom, proof = publish(registry, signer)
        kinds = "attached: [signatures, sboms, attestations]\n"
        bundle = collected(world, "signed", registry, ["a/tool:v1"], kinds)
        with served(world, bundle) as (_, place):
            proved(world, signer, place, "a/tool", image, "from-serve")
            for subject, wanted in ((image, sbom), (sbom, proof)):
                listed = json.loads(fetch(place, f"a/tool/referrers/{subject['digest']}")[0])["manifests"]
                equal([entry["digest"] for entry in listed], [wanted["digest"]], "referrers from serve")
        with target(world, "signed-target") as there:
            world.ok("push", bundle, "--to", f"{there.place}/site", "--insecure", there.place)
            proved(world, signer, there.place, "site/a/tool", image, "from-registry")
            lists(there.place, "site/a/tool", image, sbom, proof)
            # And on to the next site, from what docker-registry has.
            registry.place = there.place
            again = collected(world, "signed-again", registry, ["site/a/tool:v1"], kinds)
        with served(world, again) as (_, place):
            proved(world, signer, place, "site/a/tool", image, "from-second")
            listed = json.loads(fetch(place, f"site/a/tool/referrers/{sbom['digest']}")[0])["manifests"]
            equal([entry["digest"] for entry in listed], [proof["digest"]], "referrers of the second bundle")


def lists(place, repository, *chain):
    """The fallback tags of `chain` list the next link, and nothing twice."""
    for subject, wanted in zip(chain, chain[1:]):
        body, headers = fetch(place, f"{repository}/manifests/{subject['digest'].replace(':', '-')}", INDEX)
        equal(headers["Content-Type"], INDEX, "the type of a list of referrers")
        equal([entry["digest"] for entry in json.loads(body)["manifests"]], [wanted["digest"]], "a list of referrers")


@case
def push_lists_referrers_where_the_registry_does_not(world):
    """A registry without the API gets the list under a tag, whole after a rerun too; one with the API is left alone, and a
    tag that points to an image is not overwritten."""
    with odd_registry.odd_registry() as registry:
        image = registry.image("a/tool", "tool", "v1")
        sbom = registry.artifact("a/tool", artifactType="application/spdx+json", layers=[("text/spdx", b"{}")],
                                 subject=image, annotations={"made": "today"})
        names = ["a/tool:v1", f"a/tool@{sbom['digest']}"]
        bundle = collected(world, "listed", registry, names)
    tag = image["digest"].replace(":", "-")
    with odd_registry.odd_registry() as there:
        options = ["push", bundle, "--to", there.place, "--insecure", there.place]
        theirs = {"mediaType": MANIFEST, "digest": digest(b"theirs"), "size": 6, "their": "own"}
        there.index("a/tool", [theirs], tag)
        for _ in range(2):
            world.ok(*options)
            listed = json.loads(there.manifests["a/tool", tag][0])["manifests"]
            equal(listed[0], theirs, "the entry of others")
            equal([(entry["digest"], entry["artifactType"], entry["annotations"]) for entry in listed[1:]],
                  [(sbom["digest"], "application/spdx+json", {"made": "today"})], "the entry of the bundle")
        there.asked.clear()
        world.ok(*options)
        equal({method for method, _ in there.asked}, {"HEAD", "GET"}, "methods of a rerun")
        there.image("a/tool", "an image", tag)
        world.refused(65, ["points to an image", tag], *options)
    with odd_registry.odd_registry() as there:
        there.promises = lambda data: (
            {"OCI_Subject": json.loads(data)["subject"]["digest"]} if b'"subject"' in data else {})
        world.ok("push", bundle, "--to", there.place, "--insecure", there.place)
        require(("a/tool", tag) not in there.manifests, "a list beside the registry's own")
        require(not any("referrers" in path for _, path in there.asked), "it was asked although it had said it")
    with odd_registry.odd_registry() as there:
        def api(handler):
            if "/referrers/" in handler.path:
                handler.answer(200, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode(),
                               Content_Type=INDEX)
                return True
            return False

        there.hook = api
        world.ok("push", bundle, "--to", there.place, "--insecure", there.place)
        require(("a/tool", tag) not in there.manifests, "a list beside the registry's own")


@case
def push_takes_what_is_attached_along(world):
    """`--only` of an image brings its signatures and referrers, not those of others."""
    signer = Signer(world.folder("only-signer"))
    with odd_registry.odd_registry() as registry:
        image, sbom, proof = publish(registry, signer)
        publish(registry, signer, "b/tool")
        bundle = collected(world, "only-attached", registry, ["a/tool:v1", "b/tool:v1"], "attached: signatures\n")
        with target(world, "only-target") as there:
            world.ok("push", bundle, "--to", there.place, "--insecure", there.place, "--only", "a/tool:v1")
            tags = json.loads(fetch(there.place, "a/tool/tags/list")[0])["tags"]
            require(f"{image['digest'].replace(':', '-')}.sig" in tags, f"the signature is not among {tags}")
            equal(json.loads(fetch(there.place, "_catalog")[0])["repositories"], ["a/tool"], "repositories")


@case
def push_believes_no_head_that_contradicts_itself(world):
    """A HEAD that claims another length or digest is not believed; without a digest the manifest is fetched and compared;
    waits, cuts and refused mounts are lived through."""
    with odd_registry.odd_registry() as registry:
        registry.image("a/tool", "tool", "v1")
        registry.image("b/tool", "tool", "v1")
        bundle = collected(world, "heads", registry, ["a/tool:v1", "b/tool:v1"])
        wanted = {key: data for key, (data, _) in registry.manifests.items() if key[1] == "v1"}

    def pushed(hook):
        """Pushes twice; the registry, the notes, and what the second push asked."""
        with odd_registry.odd_registry() as there:
            there.hook = hook
            first = world.ok("push", bundle, "--to", there.place, "--insecure", there.place)
            there.asked.clear()
            world.ok("push", bundle, "--to", there.place, "--insecure", there.place)
            equal({key: data for key, (data, _) in there.manifests.items() if key[1] == "v1"}, wanted, "the images")
            return there, first, list(there.asked)

    def lies_of_blobs(handler):
        if handler.command == "HEAD" and "/blobs/" in handler.path:
            handler.answer(200, b"x" * 5)
            return True
        return False

    there, first, _ = pushed(lies_of_blobs)
    require("claims 5 bytes for the blob" in first.err, f"no note: {first}")
    require(len(there.blobs) >= 2, "the blobs were not sent")

    def lies_of_manifests(handler):
        if handler.command == "HEAD" and "/manifests/" in handler.path:
            data = wanted[handler.path.split("/manifests/")[0].removeprefix("/v2/"), "v1"]
            handler.answer(200, b"", Docker_Content_Digest=digest(data))
            return True
        return False

    pushed(lies_of_manifests)

    def speaks_no_head(handler):
        if handler.command == "HEAD":
            handler.answer(405)
            return True
        return False

    _, _, asked = pushed(speaks_no_head)
    require(not any(method in ("POST", "PUT") for method, _ in asked), f"a second push without HEAD: {asked}")

    def says_no_digest(handler):
        if handler.command == "HEAD" and "/manifests/" in handler.path:
            found = there_now["registry"].manifests.get(
                (handler.path.split("/manifests/")[0].removeprefix("/v2/"), "v1"))
            handler.answer(200 if found else 404, found[0] if found else b"")
            return True
        return False

    there_now = {}
    with odd_registry.odd_registry() as there:
        there_now["registry"], there.hook = there, says_no_digest
        world.ok("push", bundle, "--to", there.place, "--insecure", there.place)
        there.asked.clear()
        world.ok("push", bundle, "--to", there.place, "--insecure", there.place)
        equal(sorted({method for method, _ in there.asked}), ["GET", "HEAD"], "a push with nothing to do")
        require(not any("/blobs/" in path for _, path in there.asked), "blobs were asked for")

    seen = set()

    def shaky(handler):
        """Each first request of a kind is put off, cut or refused."""
        if "mount=" in handler.path:
            handler.answer(405)
            return True
        kind = (handler.command, handler.path.split("?")[0].rsplit("/", 1)[0])
        if kind in seen or handler.command not in ("POST", "PUT"):
            return False
        seen.add(kind)
        if handler.command == "POST":
            handler.answer(429, b"", Retry_After="0")
        else:
            handler.close_connection = True
            handler.connection.close()
        return True

    pushed(shaky)
