// SPDX-License-Identifier: Apache-2.0

/// The table of mistakes: a piece of the good spec, what is there instead, the place of the report, its words.
extension SpecErrorTests {
    static let sections: [(String, String, String, String)] = [
        ("images:", "imges:", "15:1", "unknown key 'imges' in the spec; did you mean 'images'?"),
        (
            "version: 1", "version: 2", "1:10",
            "expected version 1, the only one there is; found a number ('2')"
        ),
        ("version: 1", "version: '1'", "1:10", "expected version 1, the only one there is; found text ('1')"),
        ("version: 1\n", "", "1:1", "the spec has no 'version'"),
        (
            "name: x", "name: x/y", "2:7",
            "expected the bundle's name of letters, digits, '.', '_' and '-', 128 at most; found text ('x/y')"
        ),
        (
            "name: x", "name: yes", "2:7",
            "expected the bundle's name as text; found a truth value ('yes'); text that looks like a truth value goes in quotes"
        ),
        ("name: x", "name: [x]", "2:7", "expected the bundle's name as text; found a list"),
        ("release: v1", "release:", "3:9", "expected the release as text; found nothing"),
        ("release: v1", "name: y", "3:1", "the key 'name' is in the spec already, in line 2"),
        (
            "[linux/amd64, linux/arm64]", "[linux/amd64, linux]", "4:26",
            "'linux' is no platform: expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, like linux/amd64"
        ),
        (
            "[linux/amd64, linux/arm64]", "[linux/amd64, linux/arm64/v8, linux/arm64]", "4:42",
            "the platform linux/arm64 is listed twice"
        ),
        ("[linux/amd64, linux/arm64]", "[]", "4:12", "expected at least one of platforms"),
        (
            "[linux/amd64, linux/arm64]", "[linux/x86_64, linux/arm64]", "4:13",
            "'linux/x86_64' is no platform: images have no architecture 'x86_64'; did you mean linux/amd64?"
        ),
        (
            "[linux/amd64, linux/arm64]", "[linux/amd64, linux/armv7l]", "4:26",
            "'linux/armv7l' is no platform: images have no architecture 'armv7l'; did you mean linux/arm/v7?"
        ),
        (
            "[linux/amd64, linux/arm64]", "[linux/amd64, linus/arm64]", "4:26",
            "'linus/arm64' is no platform: images have no operating system 'linus'; did you mean linux/arm64?"
        ),
        (
            "image: kubernetes:v1.19.8", "image: 'kubernetes:{relase}'", "6:10",
            "unknown placeholder {relase}; did you mean {release}?"
        ),
        (
            "image: kubernetes:v1.19.8", "image: 'kubernetes:{arch}'", "6:10",
            "{arch} is not filled in here: an image has one name for all platforms"
        ),
        (
            "image: kubernetes:v1.19.8", "image: 'kubernetes:{release'", "6:10",
            "a brace is not closed; write a placeholder like {release}"
        ),
        (
            "image: kubernetes:v1.19.8", "image: Kubernetes", "6:10",
            "'Kubernetes' is no image reference: a name has lower-case letters, digits and single separators, 255 characters at most"
        ),
        ("  image: kubernetes:v1.19.8\n", "", "6:3", "base has no 'image'"),
        (
            "holds: cri/", "hold: cri/", "8:15",
            "unknown key 'hold' in the layer 'rootfs'; did you mean 'holds'?"
        ),
        (
            "{ holds: cri/docker.tar.gz }",
            "{ id: { linux/amd64: sha256:\(String(repeating: "b", count: 64)) } }", "8:13",
            "the layer 'rootfs' is not determined for linux/arm64: give 'holds', or an id for each platform"
        ),
        (
            "holds: etc/a.yaml", "holds: /etc/a.yaml", "10:14",
            "expected the path that the layer 'network' holds relative to the context; '/etc/a.yaml' begins with '/'"
        ),
        (
            "holds: etc/a.yaml", "holds: etc/../a", "10:14",
            "expected the path that the layer 'network' holds relative to the context; 'etc/../a' has '..' in it"
        ),
        (
            "id: { linux/amd64: sha256:a", "id: { linux/amd64: sha256:", "11:26",
            "expected the id of the layer 'network' as 'sha256:' and 64 lower-case hexadecimal digits; found 63 characters ('sha256:\(String(repeating: "a", count: 63))')"
        ),
        (
            "id: { linux/amd64:", "id: { linux/s390x:", "11:13",
            "the spec carries no linux/s390x; add it to platforms or take this line away"
        ),
    ]

    static let charts: [(String, String, String, String)] = [
        (
            "registries:", "attached: [signature]\nregistries:", "18:12",
            "unknown kind 'signature'; did you mean 'signatures'?"
        ),
        (
            "registries:", "charts: [{ chart: db, version: 1.0.0 }]\nregistries:", "18:19",
            "expected oci://HOST/PATH/NAME, ./PATH of this host, or a name together with 'repo: https://…'"
        ),
        (
            "registries:", "charts: [{ chart: oci://a.example/db, version: ^1 }]\nregistries:", "18:48",
            "expected the version of the chart as one exact version like 1.2.3, no range; found '^1'"
        ),
        (
            "registries:", "charts: [{ chart: ./web, version: 1.0.0 }]\nregistries:", "18:26",
            "unknown key 'version' in the chart of this host; expected chart, values, valuesFiles, kubeVersion, apiVersions"
        ),
        (
            "registries:", "charts: [{ chart: ./web, apiVersions: --post-renderer }]\nregistries:", "18:39",
            "expected an API like monitoring.coreos.com/v1; found '--post-renderer'"
        ),
        (
            "registries:", "charts: [{ chart: ./web }, { chart: ./web }]\nregistries:", "18:28",
            "./web is listed twice"
        ),
        (
            "registries:", "charts: [{ chart: 'oci://a.example/d b', version: 1 }]\nregistries:", "18:19",
            "'oci://a.example/d b' with the version '1' makes no name for a registry"
        ),
        (
            "registries:",
            "charts: [{ chart: oci://docker.io/calico/cni, version: v3.19.1 }]\nregistries:", "18:10",
            "calico/cni:v3.19.1 is listed twice"
        ),
    ]

    static let values: [(String, String, String, String)] = [
        (
            "url: https://a.example/{machine}/d.tgz", "url: a.example/d", "14:10",
            "expected the URL of the file 'docker' that begins with https:// or http://; found 'a.example/d'"
        ),
        (
            "url: https://a.example", "url: https://me:pw@a.example", "14:10",
            "the URL of the file 'docker' holds credentials; put them into a netrc or docker config, never into a spec"
        ),
        ("{machine}", "{machin}", "14:10", "unknown placeholder {machin}; did you mean {machine}?"),
        (
            "https://a.example/", "https:///", "14:10",
            "the URL of the file 'docker' 'https:///{machine}/d.tgz' has no host, or a character that a URL cannot have"
        ),
        (
            "    url: https", "    sha256: \(String(repeating: "a", count: 64))\n    url: https", "14:13",
            "its place differs by platform, so one digest cannot fit; write sha256: { linux/amd64: … }"
        ),
        (
            "    url: https",
            "    sha512: { linux/amd64: \(String(repeating: "a", count: 64)) }\n    url: https",
            "14:28",
            "expected the digest of the file 'docker' as 'sha512:' and 128 lower-case hexadecimal digits; found 64 characters ('\(String(repeating: "a", count: 64))')"
        ),
        (
            "    url: https",
            "    sha256sums: https://a.example/S\n    sha512sums: https://a.example/T\n    url: https",
            "15:17",
            "the file 'docker' has one digest: sha256 or sha512, each alone or with its checksum list"
        ),
        (
            "    url: https://a.example/{machine}/d.tgz", "    sha256sums: https://a.example/S", "14:5",
            "the file 'docker' takes exactly one of url, path and text; found none"
        ),
        (
            "    url: https://a.example", "    text: x\n    url: https://a.example", "14:5",
            "the file 'docker' takes exactly one of url, path and text; found url and text"
        ),
        (
            "    url: https://a.example/{machine}/d.tgz", "    path: ./d-{mach}.tgz", "14:11",
            "unknown placeholder {mach}; there are {machine}, {arch}, {os}, {release}"
        ),
        (
            "- registry:2.7.1", "- registry:2.7.1\n  - docker.io/library/registry:2.7.1", "17:5",
            "the image registry:2.7.1 is listed in line 16 already"
        ),
        (
            "- calico/cni:v3.19.1", "- calico/cni:", "17:5",
            "expected an image's reference as text; found a mapping"
        ),
        (
            "- calico/cni:v3.19.1", "- calico/cni:v3.19.1\n  - a@sha256:x", "18:5",
            "'a@sha256:x' is no image reference: expected 'sha256:' and 64, or 'sha512:' and 128, lower-case hexadecimal digits"
        ),
        (
            "- calico/cni:v3.19.1", "- { image: calico/cni:v3.19.1, from: docker-daemon:x }", "17:40",
            "'docker-daemon:x' is no image archive: it is none of docker-archive:PATH, oci-archive:PATH, oci:PATH"
        ),
        (
            "- calico/cni:v3.19.1", "- { image: calico/cni:v3.19.1, from: 'oci:' }", "17:40",
            "'oci:' is no image archive: its path or name is empty, too long, or has control characters"
        ),
        (
            "- calico/cni:v3.19.1", "- { image: calico/cni:v3.19.1 }", "17:5",
            "the image has none of 'from', 'platforms' and 'attached'; write only its name"
        ),
        (
            "- calico/cni:v3.19.1", "- { image: calico/cni:v3.19.1, form: oci:x }", "17:34",
            "unknown key 'form' in the image; did you mean 'from'?"
        ),
        (
            "- calico/cni:v3.19.1", "- { image: calico/cni:v3.19.1, from: { linux/amd64: 'oci:x' } }",
            "17:40",
            "there is no archive of calico/cni:v3.19.1 for linux/arm64"
        ),
        (
            "- calico/cni:v3.19.1", "- { image: calico/cni:v3.19.1, platforms: linux/s390x }", "17:45",
            "the spec carries no linux/s390x; add it to platforms or take it away here"
        ),
        (
            "- calico/cni:v3.19.1", "- { image: calico/cni:v3.19.1, platforms: [linux/amd64, linux/amd64] }",
            "17:59",
            "the platform linux/amd64 is listed twice"
        ),
        (
            "- calico/cni:v3.19.1", "- { image: calico/cni:v3.19.1, platforms: [] }", "17:45",
            "expected at least one of the platforms of calico/cni:v3.19.1"
        ),
        (
            "- calico/cni:v3.19.1",
            "- { image: calico/cni:v3.19.1, platforms: linux/amd64, from: { linux/arm64: 'oci:z' } }",
            "17:64",
            "there is no archive of calico/cni:v3.19.1 for linux/amd64"
        ),
        (
            "registries:", "imagesFrom: dokcer\nregistries:", "18:13",
            "there is no file 'dokcer' in 'files'; did you mean 'docker'?"
        ),
        (
            "registries:", "imagesFrom: [./list.txt]\nregistries:", "18:14",
            "expected the name of one of 'files'; for the path './list.txt' write a file with 'path' there, and its name here"
        ),
        (
            "registries:", "imagesFrom: [docker, docker]\nregistries:", "18:22",
            "the images of 'docker' are taken twice"
        ),
        (
            "registries:", "imagesFrom: { file: docker, member: a }\nregistries:", "18:29",
            "unknown key 'member' in imagesFrom; did you mean 'members'?"
        ),
        (
            "registries:", "imagesFrom: [{ file: docker, members: [/a] }]\nregistries:", "18:40",
            "expected a member of the archive relative to the context; '/a' begins with '/'"
        ),
        ("registries:", "imagesFrom: []\nregistries:", "18:13", "expected at least one of imagesFrom"),
        ("registries:", "imagesFrom:\nregistries:", "18:12", "expected imagesFrom as a list; found nothing"),
        (
            "- calico/cni:v3.19.1",
            "- { image: calico/cni:v3.19.1, from: { linux/arm: 'oci:x', linux/amd64: 'oci:y', linux/arm64: 'oci:z' } }",
            "17:42", "the spec carries no linux/arm; add it to platforms or take this line away"
        ),
        (
            "  docker.io: mirror", "  docker.io/x: mirror", "19:3",
            "expected a registry as host[:port], like quay.io or sea.hub:5000; found 'docker.io/x'"
        ),
        (
            "docker.io: mirror.example", "docker.io: ftp://mirror", "19:14",
            "expected a mirror as [scheme://]host[:port][/path] without credentials; found 'ftp://mirror'"
        ),
        (
            "registry: sea.hub:5000", "registry: http://sea.hub", "20:11",
            "expected the registry as host[:port], like quay.io or sea.hub:5000; found 'http://sea.hub'"
        ),
    ]

    static let builds: [(String, String, String, String)] = [
        (
            "tag: b:v1", "tag: a:v1", "39:10",
            "the tag registry.cn-qingdao.aliyuncs.com/sealer-io/a:v1 is built twice"
        ),
        ("    context: []\n", "", "39:5", "the build has no 'context'"),
        (
            "layer: rootfs", "layer: rootfss", "24:16",
            "there is no layer 'rootfss' in base.layers; did you mean 'rootfs'?"
        ),
        (
            "layer: rootfs", "layr: rootfs", "24:9",
            "a step has exactly one of layer, put, unpack, edit, remove, rewrite, imageList; this has none; did you mean 'layer'?"
        ),
        (
            "put: cri/docker.tar.gz", "put: imageListWithAuth.yaml", "26:14",
            "imageListWithAuth.yaml holds passwords, and they would travel in the bundle; list its images in 'images', and give collect the passwords as docker's auth file"
        ),
        (
            "paths: [etc]", "put: x", "24:9",
            "a step has exactly one of layer, put, unpack, edit, remove, rewrite, imageList; this has layer and put"
        ),
        (
            "paths: [etc]", "paths: [../x]", "25:17",
            "expected a path of the layer relative to the context; '../x' has '..' in it"
        ),
        (
            "paths: [etc]", "paths: ['etc/{archh}']", "25:17",
            "unknown placeholder {archh}; did you mean {arch}?"
        ),
        (
            "paths: [etc]", "paths: ['etc/${arch}']", "25:17",
            "a placeholder is written without '$', like {arch}; found 'etc/${arch}'"
        ),
        (
            "rewrite: etc/a.yaml", "unpack: opt", "33:17",
            "'unpack' takes exactly one of file and chart: the archive"
        ),
        (
            "rewrite: etc/a.yaml", "{ unpack: opt, file: dokcer }", "33:30",
            "there is no file 'dokcer' in 'files'; did you mean 'docker'?"
        ),
        (
            "rewrite: etc/a.yaml", "{ unpack: opt, file: docker, strip: -1 }", "33:45",
            "expected strip as a number from 0 to 64; found a number ('-1')"
        ),
        (
            "rewrite: etc/a.yaml", "remove: [../x]", "33:18",
            "expected a path to remove relative to the context; '../x' has '..' in it"
        ),
        (
            "rewrite: etc/a.yaml", "remove: []", "33:17", "expected at least one of the paths to remove"
        ),
        (
            "registry: sea.hub:5000", "notImages: [yes]", "20:13",
            "expected a text that is not an image as text; found a truth value ('yes'); text that looks like a truth value goes in quotes"
        ),
        (
            "repack: docker", "repack: dokcer", "27:17",
            "there is no file 'dokcer' in 'files'; did you mean 'docker'?"
        ),
        (
            "repack: docker", "repack: docker\n        file: docker", "26:14",
            "'put' takes exactly one of file, repack, save and chart; found file and repack"
        ),
        (
            "        repack: docker\n", "", "26:14",
            "'put' takes exactly one of file, repack, save and chart; found none"
        ),
        (
            "save: registry:2.7.1", "save: registry:2.7.2", "29:15",
            "the image registry:2.7.2 is not listed in 'images'; did you mean 'registry:2.7.1'?"
        ),
        (
            "remove: [mirror-registries]", "remove: [a..b]", "31:18",
            "'a..b' is no key path: a part of it is empty; write it like spec.registry, spec.items[0].image or Installation:spec.registry"
        ),
        (
            "set: { a.b: c }", "set: { a.b: { 1: x, 1: y } }", "32:21",
            "the value of 'a.b' is too large, or has a key that is no text or is doubled"
        ),
        ("set: { a.b: c }", "append: [a]", "32:17", "expected append as a mapping; found a list"),
        (
            "save: registry:2.7.1", "save: registry:2.7.1\n        mode: 0789", "30:15",
            "expected the mode in octal digits, like 0755; found a number ('0789')"
        ),
        (
            "kubefile: |\n      FROM a:v1", "kubefile: { path: none/Kubefile }", "41:23",
            "the Kubefile none/Kubefile cannot be read: No such file or directory"
        ),
        (
            "        remove: [mirror-registries]\n        set: { a.b: c }\n", "", "30:15",
            "'edit' needs 'remove', 'set' or 'append'"
        ),
        (
            "rewrite: etc/a.yaml", "rewrite: etc//a.yaml", "33:18",
            "expected the file to rewrite relative to the context; 'etc//a.yaml' has an empty or '.' part"
        ),
        (
            "imageList: [calico/*]", "imageList: [caliko/*]", "34:21",
            "the pattern 'caliko/*' means none of 'images'; did you mean 'calico/*'?"
        ),
        (
            "      FROM a:v1", "      FROM c:v1", "42:7",
            "FROM 'c:v1', which is neither the base nor built before; did you mean 'a:v1'?"
        ),
        (
            "FROM scratch", "FROM b:v1", "37:7",
            "FROM 'b:v1', which is neither the base nor built before; known here: scratch, kubernetes:v1.19.8"
        ),
        ("FROM scratch", "COPY x y", "37:7", "a Kubefile begins with 'FROM image'; found 'COPY x y'"),
        (
            "      FROM a:v1", "      # nothing", "41:15",
            "the Kubefile has no instruction; it begins with 'FROM image'"
        ),
    ]
}
