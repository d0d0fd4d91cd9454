# SPDX-License-Identifier: Apache-2.0
"""The SBOM of a bundle: against dpkg, python's own readers of apk's text and of rpm's databases, and SPDX's schema."""

import gzip
import hashlib
import io
import json
import re
import struct
import tarfile

import jsonschema
from harness import ROOT, call, case, equal, require
from rpm_databases import BERKELEY, NDB, SQLITE, rpm_rows, sqlite_database

# What the schema of SPDX 2.3 (spdx/spdx-spec, schemas/spdx-schema.json) demands of what is written here.
IDENTIFIER = {"type": "string", "pattern": "^SPDXRef-[A-Za-z0-9.-]+$"}
CHECKSUM = {"type": "object", "required": ["algorithm", "checksumValue"], "additionalProperties": False, "properties": {
    "algorithm": {"enum": ["SHA256", "SHA512"]}, "checksumValue": {"type": "string", "pattern": "^[0-9a-f]+$"}}}
REFERENCE = {"type": "object", "required": ["referenceCategory", "referenceLocator", "referenceType"],
             "additionalProperties": False, "properties": {
                 "referenceCategory": {"const": "PACKAGE-MANAGER"}, "referenceType": {"const": "purl"},
                 "referenceLocator": {"type": "string", "pattern": "^pkg:[a-z]+/[!-~]+$"}}}
PACKAGE = {"type": "object", "required": ["SPDXID", "downloadLocation", "name"], "additionalProperties": False, "properties": {
    "SPDXID": IDENTIFIER, "name": {"type": "string", "minLength": 1}, "versionInfo": {"type": "string"},
    "downloadLocation": {"type": "string", "minLength": 1}, "filesAnalyzed": {"const": False},
    "licenseConcluded": {"const": "NOASSERTION"}, "licenseDeclared": {"const": "NOASSERTION"},
    "copyrightText": {"const": "NOASSERTION"}, "licenseComments": {"type": "string"},
    "primaryPackagePurpose": {"enum": ["APPLICATION", "ARCHIVE", "CONTAINER", "FILE", "LIBRARY", "OTHER"]},
    "checksums": {"type": "array", "minItems": 1, "items": CHECKSUM},
    "externalRefs": {"type": "array", "minItems": 1, "items": REFERENCE},
    "sourceInfo": {"type": "string"}, "comment": {"type": "string"}}}
RELATIONSHIP = {"type": "object", "required": ["spdxElementId", "relatedSpdxElement", "relationshipType"],
                "additionalProperties": False, "properties": {
                    "spdxElementId": IDENTIFIER, "relatedSpdxElement": IDENTIFIER,
                    "relationshipType": {"enum": ["DESCRIBES", "CONTAINS"]}}}
SPDX = {"type": "object", "additionalProperties": False,
        "required": ["SPDXID", "creationInfo", "dataLicense", "name", "spdxVersion", "documentNamespace", "packages",
                     "relationships"],
        "properties": {
            "SPDXID": {"const": "SPDXRef-DOCUMENT"}, "spdxVersion": {"const": "SPDX-2.3"}, "dataLicense": {"const": "CC0-1.0"},
            "name": {"type": "string", "minLength": 1}, "comment": {"type": "string"},
            "documentNamespace": {"type": "string", "pattern": "^https://[^#]+$"},
            "creationInfo": {"type": "object", "required": ["created", "creators"], "properties": {
                "created": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                "creators": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^Tool: .+-.+$"}},
                "comment": {"type": "string"}}},
            "packages": {"type": "array", "items": PACKAGE}, "relationships": {"type": "array", "items": RELATIONSHIP}}}

def layer(files, links=()):
    """(uncompressed tar, gzip of it) of {path: bytes} and [(path, target)]."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, target in links:
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue(), gzip.compress(out.getvalue(), 1, mtime=0)


class Layout:
    """OCI layouts as folders, one image each."""

    def __init__(self, folder):
        self.folder = folder

    def image(self, name, layers, created="2024-05-06T07:08:09.123456789Z"):
        """An image of these layers, each ({path: bytes}, links); returns the line of a spec."""
        place = self.folder / name

        def blob(data, kind):
            found = hashlib.sha256(data).hexdigest()
            path = place / "blobs/sha256" / found
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{found}", "size": len(data)}

        made = [layer(*part) for part in layers]
        config = {"architecture": "amd64", "os": "linux", "created": created, "config": {}, "rootfs": {
            "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest() for tar, _ in made]}}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": blob(json.dumps(config).encode(), "config.v1+json"),
                    "layers": [blob(packed, "layer.v1.tar+gzip") for _, packed in made]}
        top = blob(json.dumps(manifest).encode(), "manifest.v1+json")
        (place / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (place / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
        return f"  - {{ image: 'example.org/{name}:1', from: 'oci:{place}' }}\n"


def bundle_of(world, folder, lines, name="sbom"):
    """A bundle of the images of these lines."""
    (folder / f"{name}.yaml").write_text(f"version: 1\nname: {name}\nplatforms: [linux/amd64]\nimages:\n{''.join(lines)}")
    world.ok("collect", folder / f"{name}.yaml", "-o", folder / f"{name}.sealift")
    return folder / f"{name}.sealift"


def sbom_of(world, bundle, *options):
    """The SBOM of the bundle, of SPDX's form."""
    target = bundle.with_suffix(".spdx.json")
    world.ok("inspect", bundle, "--sbom", target, *options)
    document = json.loads(target.read_text())
    jsonschema.validate(document, SPDX)
    known = {"SPDXRef-DOCUMENT"} | {element["SPDXID"] for element in document["packages"]}
    equal(len(known), len(document["packages"]) + 1, "identifiers, each once")
    for relation in document["relationships"]:
        require({relation["spdxElementId"], relation["relatedSpdxElement"]} <= known, f"an end of {relation} is not there")
    return document


def installed(document, image):
    """(packages of that image's manifest, the comment of the manifest)."""
    elements = {element["SPDXID"]: element for element in document["packages"]}
    [manifest] = [element for element in document["packages"] if element["name"].startswith(f"{image} (")]
    ends = [relation["relatedSpdxElement"] for relation in document["relationships"]
            if relation["spdxElementId"] == manifest["SPDXID"]]
    return [elements[end] for end in ends if end.startswith("SPDXRef-Package-")], manifest.get("comment", "")


def versions(packages):
    return sorted((package["name"], package["versionInfo"]) for package in packages)


STATUS = b"""Package: gone
Status: deinstall ok config-files
Version: 1

Package: folded
Status: install ok installed
Architecture: amd64
Source: folded-src (9)
Version: 1:2.0+dfsg-1~deb12u1
Description: text
 Package: not-me
 .
 more

Package: half
Status: install ok unpacked
Version: 3
"""
APK = b"C:Q1abc\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld-musl.so\n\nP:busybox\nV:1.36.1-r5\nA:x86_64\nL:GPL-2.0-only\n\n"


@case
def packages_are_those_that_dpkg_says(world):
    """The packages of a dpkg image are those that dpkg-query lists over the same database, and so are those of status.d."""
    folder = world.folder("sbom-dpkg")
    own = open("/var/lib/dpkg/status", "rb").read()
    release = b'ID=debian\nVERSION_ID="12"\n'
    pieces = {f"var/lib/dpkg/status.d/{name}": f"Package: {name}\nVersion: {version}\nArchitecture: all\n".encode()
              for name, version in (("base-files", "12.4+deb12u5"), ("tzdata", "2024a-0+deb12u1"))}
    layout = Layout(folder)
    bundle = bundle_of(world, folder, [
        layout.image("whole", [({"./var/lib/dpkg/status": own, "etc/os-release": release}, ())]),
        layout.image("odd", [({"var/lib/dpkg/status": STATUS}, ())]),
        layout.image("distroless", [({**pieces, "var/lib/dpkg/status.d/tzdata.md5sums": b"Package: no\nVersion: 1\n"}, ())])])
    document = sbom_of(world, bundle)
    for name, status in (("whole", own), ("odd", STATUS)):
        admin = folder / f"admin-{name}"
        admin.mkdir()
        (admin / "status").write_bytes(status)
        listed = call("dpkg-query", f"--admindir={admin}", "-W", "-f", "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n")
        wanted = sorted((row[1], row[2]) for row in (line.split("\t") for line in listed.splitlines()) if row[0] == "installed")
        equal(versions(installed(document, f"example.org/{name}:1")[0]), wanted, f"packages of {name}")
    require(len(wanted) == 1, "the odd database has one installed package")
    found, comment = installed(document, "example.org/whole:1")
    require("debian 12" in comment, comment)
    world.ok("inspect", bundle, "--html", folder / "p.html", "--sbom", folder / "p.json")
    page = (folder / "p.html").read_text()
    for package in found:
        require(f"<td>{package['name']}<td>{package['versionInfo']}<td>" in page, f"{package['name']} is not on the page")
    equal(json.loads((folder / "p.json").read_text()), document, "the SBOM beside the page")
    [tar] = [package for package in found if package["name"] == "tar"]
    version = tar["versionInfo"].replace("+", "%2B").replace(":", "%3A")
    require(tar["externalRefs"][0]["referenceLocator"].startswith(f"pkg:deb/debian/tar@{version}?arch="), f"{tar}")
    equal(versions(installed(document, "example.org/distroless:1")[0]),
          [("base-files", "12.4+deb12u5"), ("tzdata", "2024a-0+deb12u1")], "packages of status.d")


@case
def packages_are_those_of_apk_and_rpm(world):
    """Packages of apk's text and of each form of rpm's database are read; python's own readers agree."""
    folder = world.folder("sbom-rpm")
    rows, layout = rpm_rows(150), Layout(folder)
    forms = {"sqlite": SQLITE, "ndb": NDB, "berkeley": BERKELEY}
    lines = [layout.image("alpine", [({"lib/apk/db/installed": APK}, ())])]
    for form, (write, path) in forms.items():
        data = write(rows, folder / f"{form}.db")
        lines.append(layout.image(form, [({path: data, "usr/lib/os-release": b"ID='fedora'\nVERSION_ID=40\n"}, ())]))
    document = sbom_of(world, bundle_of(world, folder, lines))
    fields = [dict(line.split(":", 1) for line in block.splitlines()) for block in APK.decode().strip().split("\n\n")]
    equal(versions(installed(document, "example.org/alpine:1")[0]), sorted((one["P"], one["V"]) for one in fields), "apk")
    for form in forms:
        found, comment = installed(document, f"example.org/{form}:1")
        equal(versions(found), sorted(row[1:] for row in rows), f"packages of {form}; {comment}")
    require("the package database says: MIT and GPLv2+" in found[0]["licenseComments"], f"{found[0]}")
    require(re.match(r"pkg:rpm/fedora/rpm-1@1.0-1.el9\?arch=x86_64&distro=fedora-40&epoch=1&upstream=rpm-1-1.0.src.rpm$",
                     [one for one in found if one["name"] == "rpm-1"][0]["externalRefs"][0]["referenceLocator"]), "a package URL")


@case
def upper_layers_and_whiteouts_count(world):
    """The topmost database counts; whiteouts, opaque folders and links in place of folders hide what lower layers have."""
    folder = world.folder("sbom-layers")
    layout, apk = Layout(folder), "lib/apk/db/installed"
    lower = ({apk: APK, "var/lib/dpkg/status": STATUS}, ())
    newer = APK.replace(b"1.2.4-r2", b"1.2.5-r0")
    images = {
        "newer": ([lower, ({apk: newer}, ())], {"musl 1.2.5-r0", "busybox 1.36.1-r5", "folded 1:2.0+dfsg-1~deb12u1"}),
        "file": ([lower, ({"lib/apk/db/.wh.installed": b""}, ())], {"folded 1:2.0+dfsg-1~deb12u1"}),
        "parent": ([lower, ({"./var/.wh.lib": b""}, ())], {"musl 1.2.4-r2", "busybox 1.36.1-r5"}),
        "root": ([lower, ({".wh.lib": b"", ".wh.var": b""}, ())], set()),
        "opaque": ([lower, ({"var/lib/.wh..wh..opq": b"", "var/lib/x": b"x"}, ())], {"musl 1.2.4-r2", "busybox 1.36.1-r5"}),
        "all": ([lower, ({".wh..wh..opq": b"", "x": b"x"}, ())], set()),
        "link": ([lower, ({}, [("lib", "usr/lib")])], {"folded 1:2.0+dfsg-1~deb12u1"}),
        "again": ([lower, ({".wh.lib": b""}, ()), ({apk: newer}, ())], {"musl 1.2.5-r0", "busybox 1.36.1-r5", "folded 1:2.0+dfsg-1~deb12u1"}),
        "same": ([({apk: APK}, ()), ({"lib/apk/.wh..wh..opq": b"", apk: newer}, ())], {"musl 1.2.5-r0", "busybox 1.36.1-r5"}),
    }
    document = sbom_of(world, bundle_of(world, folder, [layout.image(name, layers) for name, (layers, _) in images.items()]))
    for name, (_, wanted) in images.items():
        found, comment = installed(document, f"example.org/{name}:1")
        equal({f"{package['name']} {package['versionInfo']}" for package in found}, wanted, f"{name}: {comment}")
    require("no package database" in installed(document, "example.org/root:1")[1], "an empty image says so")
    equal(document["creationInfo"]["created"], "2024-05-06T07:08:09Z", "the time of the newest image")


@case
def what_cannot_be_read_is_said(world):
    """Damaged databases, links, journals, a layer that a delta leaves out: each is a comment of its image."""
    folder = world.folder("sbom-damage")
    layout, good = Layout(folder), sqlite_database(rpm_rows(30), folder / "r.db")
    path = "var/lib/rpm/rpmdb.sqlite"
    circle = bytearray(good)
    leaf = [page for page in range(1, len(good) // 4096) if good[page * 4096] == 5]
    for page in leaf:  # The rightmost child of an inner page is the page itself.
        circle[page * 4096 + 8:page * 4096 + 12] = struct.pack(">I", page + 1)
    damaged = {"short": {path: good[:5000]}, "noise": {path: bytes(range(256)) * 40}, "circle": {path: bytes(circle)},
               "journal": {path: good, path + "-wal": b"x" * 40}, "ndb": {"var/lib/rpm/Packages.db": b"RpmP" + b"\xff" * 9000},
               "zeros": {path: good[:100] + bytes(8092)}}
    lines = [layout.image(name, [(files, ())]) for name, files in damaged.items()]
    lines.append(layout.image("linked", [({}, [(path, "/etc/passwd")])]))
    lines.append(layout.image("bare", [({"bin/x": b"x"}, ())], created="yesterday\u001b[31m"))
    document = sbom_of(world, bundle_of(world, folder, lines))
    for name, words in {"short": "not in it", "noise": "in no form", "circle": "twice", "journal": "changes", "ndb": "head",
                        "zeros": "", "linked": "not followed", "bare": "no package database"}.items():
        found, comment = installed(document, f"example.org/{name}:1")
        require(words in comment and (found == []) == (name != "journal"), f"{name}: {comment}")
    layers = [layout.image("one", [({"lib/apk/db/installed": APK}, ())])]
    first = bundle_of(world, folder, layers, "first")
    (folder / "delta.yaml").write_text((folder / "first.yaml").read_text().replace("name: first", "name: delta"))
    world.ok("collect", folder / "delta.yaml", "-o", folder / "delta.sealift", "--since", first)
    for options in ((), ("--with", first)):
        document = sbom_of(world, folder / "delta.sealift", *options)
        found, comment = installed(document, "example.org/one:1")
        require(found == [] and "delta that leaves it out" in comment, comment)


@case
def an_sbom_is_verified_against_its_bundle(world):
    """collect --sbom writes what inspect --sbom writes; verify --sbom accepts that file only, to the byte."""
    folder = world.folder("sbom-verify")
    layout = Layout(folder)
    bundle = bundle_of(world, folder, [layout.image("one", [({"lib/apk/db/installed": APK}, ())])])
    world.ok("collect", folder / "sbom.yaml", "-o", folder / "again.sealift", "--sbom")
    sbom_of(world, bundle)
    made = (folder / "sbom.spdx.json").read_bytes()
    equal((folder / "again.sealift.spdx.json").read_bytes(), made, "the SBOM of collect")
    world.ok("keygen", folder / "ops")
    world.ok("sign", bundle, "--key", folder / "ops.key")
    told = world.ok("verify", bundle, "--key", folder / "ops.pub", "--sbom", folder / "sbom.spdx.json")
    require("the SBOM of" in told.err, f"{told}")
    other = bundle_of(world, folder, [layout.image("two", [({"lib/apk/db/installed": APK + b"P:x\nV:1\n"}, ())])], "other")
    world.refused(65, ["verify the SBOM", "differs"], "verify", other, "--sbom", folder / "sbom.spdx.json")
    for name, data in {"changed": made.replace(b"musl", b"evil"), "short": made[:-20], "long": made + b" ", "empty": b"",
                       "version": made.replace(b"Tool: sealift-", b"Tool: sealift-9."), "noise": b"\xff" * 5000}.items():
        (folder / name).write_bytes(data)
        world.refused(65, ["verify the SBOM"], "verify", bundle, "--sbom", folder / name)
    world.refused(66, ["none.json"], "verify", bundle, "--sbom", folder / "none.json")


@case
def the_demo_has_an_sbom(world):
    """The SBOM of the demo's bundle names every file, image, manifest and layer by its digest, the same at each run."""
    folder = world.folder("sbom-demo")
    (folder / "demo.sealift").symlink_to(world.bundle)
    document = sbom_of(world, folder / "demo.sealift")
    first = (folder / "demo.spdx.json").read_bytes()
    sbom_of(world, folder / "demo.sealift")
    equal((folder / "demo.spdx.json").read_bytes(), first, "the bytes of a second run")
    facts = json.loads(world.ok("inspect", world.bundle, "--json").out)
    wanted = set()
    for artifact in facts["sizes"]["artifacts"]:
        wanted.add(artifact["digest"])
        for instance in artifact["platforms"]:
            wanted |= {instance["digest"], *(blob["digest"] for blob in instance["layers"])}
    equal({f"sha256:{element['checksums'][0]['checksumValue']}" for element in document["packages"] if "checksums" in element},
          wanted | {f"sha256:{tool['digest'].removeprefix('sha256:')}" for tool in facts["tools"]}, "digests")
    world.refused(66, ["nodir"], "inspect", world.bundle, "--sbom", folder / "nodir/x.json")
    equal(world.run("inspect", world.bundle, "--sbom", folder / "x.json", "--json").code, 64, "--sbom with --json")
    require((ROOT / "Sources/SBOM/SBOM.docc/Packages.md").exists(), "the page that explains it")
