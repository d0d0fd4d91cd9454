// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing
import YAML

/// Every shape in which files name an image: what is found, and where a rewrite changes its registry.
@Suite struct ImageShapeTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        let name: String
        let before: String
        let after: String
        var images: [String] = []
        var possible: [String] = []
        var known: [String] = []
        var testDescription: String { name }
    }

    static let digest = "sha256:" + String(repeating: "0a", count: 32)

    static let shapes: [Shape] = parts + more + inherited + objects + collections

    static let parts: [Shape] = [
        Shape(
            name: "repository, image and version",
            before: "driver:\n  repository: nvcr.io/nvidia\n  image: driver\n  version: \"595.91\"\n",
            after: "driver:\n  repository: sea.hub:5000/nvidia\n  image: driver\n  version: \"595.91\"\n",
            images: ["nvcr.io/nvidia/driver:595.91"]),
        Shape(
            name: "a version that is a digest",
            before: "d: {repository: nvcr.io/nvidia, image: driver, version: '\(digest)'}\n",
            after: "d: {repository: sea.hub:5000/nvidia, image: driver, version: '\(digest)'}\n",
            images: ["nvcr.io/nvidia/driver@\(digest)"]),
        Shape(
            name: "repository and image without a version",
            before: "d:\n  repository: nvcr.io/nvidia\n  image: driver\n  version:\n",
            after: "d:\n  repository: sea.hub:5000/nvidia\n  image: driver\n  version:\n",
            possible: ["nvcr.io/nvidia/driver"]),
        Shape(
            name: "registry, repository and name",
            before: "image: {registry: quay.io, repository: strimzi, name: operator, tag: 1.2.0}\n",
            after: "image: {registry: sea.hub:5000, repository: strimzi, name: operator, tag: 1.2.0}\n",
            images: ["quay.io/strimzi/operator:1.2.0"]),
        Shape(
            name: "a name whose repository is empty",
            before: "image: {registry: '', repository: '', name: operator, tag: 1.2.0}\n",
            after: "image: {registry: '', repository: '', name: operator, tag: 1.2.0}\n"),
        Shape(
            name: "name and tag", before: "image:\n  name: quay.io/a/b\n  tag: v1\n",
            after: "image:\n  name: sea.hub:5000/a/b\n  tag: v1\n", images: ["quay.io/a/b:v1"]),
        Shape(
            name: "name and version", before: "image:\n  name: cr.l5d.io/linkerd/proxy\n  version: v1\n",
            after: "image:\n  name: sea.hub:5000/linkerd/proxy\n  version: v1\n",
            images: ["cr.l5d.io/linkerd/proxy:v1"]),
        Shape(
            name: "repository and version", before: "myImage: {repository: q.io/a/b, version: 1.2.3}\n",
            after: "myImage: {repository: sea.hub:5000/a/b, version: 1.2.3}\n", images: ["q.io/a/b:1.2.3"]),
        Shape(
            name: "registry, name and tag under any key",
            before: "img: {registry: q.io, name: a/b, tag: v1}\n",
            after: "img: {registry: q.io, name: a/b, tag: v1}\n", possible: ["q.io/a/b:v1"]),
        Shape(
            name: "registry, name and tag under any key, carried",
            before: "img: {registry: q.io, name: a/b, tag: v1}\n",
            after: "img: {registry: sea.hub:5000, name: a/b, tag: v1}\n", images: ["q.io/a/b:v1"],
            known: ["q.io/a/b:v1"]),
        Shape(
            name: "imageRepo and imageTag", before: "x: {imageRepo: q.io/a/b, imageTag: v1}\n",
            after: "x: {imageRepo: sea.hub:5000/a/b, imageTag: v1}\n", images: ["q.io/a/b:v1"]),
        Shape(
            name: "an empty registry",
            before: "image:\n  registry: \"\"\n  repository: longhornio/engine\n  tag: v1\n",
            after: "image:\n  registry: \"sea.hub:5000\"\n  repository: longhornio/engine\n  tag: v1\n",
            images: ["docker.io/longhornio/engine:v1"]),
        Shape(
            name: "a registry of nothing",
            before: "image:\n  registry:  # none\n  repository: nginx\n  tag: v1\n",
            after: "image:\n  registry: sea.hub:5000  # none\n  repository: library/nginx\n  tag: v1\n",
            images: ["docker.io/library/nginx:v1"]),
        Shape(
            name: "a null registry in JSON",
            before: "{\"image\": {\"registry\": null, \"repository\": \"a/b\", \"tag\": \"v1\"}}\n",
            after:
                "{\"image\": {\"registry\": \"sea.hub:5000\", \"repository\": \"a/b\", \"tag\": \"v1\"}}\n",
            images: ["docker.io/a/b:v1"]),
        Shape(
            name: "a registry that gives its place to another",
            before:
                "image:\n  registry: ~\n  defaultRegistry: reg.kyverno.io\n  repository: kyverno/kyverno\n  tag: v1\n",
            after:
                "image:\n  registry: sea.hub:5000\n  defaultRegistry: sea.hub:5000\n  repository: kyverno/kyverno\n  tag: v1\n",
            images: ["reg.kyverno.io/kyverno/kyverno:v1"]),
        Shape(
            name: "an empty registry beside a whole repository",
            before: "image: {registry: '', repository: quay.io/a/b, tag: v1}\n",
            after: "image: {registry: '', repository: sea.hub:5000/a/b, tag: v1}\n",
            images: ["quay.io/a/b:v1"]),
        Shape(
            name: "hub, image and tag", before: "hub: docker.io/istio\ntag: 1.20.0\nimage: ztunnel\n",
            after: "hub: sea.hub:5000/istio\ntag: 1.20.0\nimage: ztunnel\n",
            images: ["docker.io/istio/ztunnel:1.20.0"]),
        Shape(
            name: "imageRepository and imageTag",
            before: "x:\n  imageRepository: quay.io/a/b\n  imageTag: v1\n",
            after: "x:\n  imageRepository: sea.hub:5000/a/b\n  imageTag: v1\n", images: ["quay.io/a/b:v1"]),
        Shape(
            name: "baseImage and version", before: "pd:\n  baseImage: pingcap/pd\n  version: v5.0.1\n",
            after: "pd:\n  baseImage: sea.hub:5000/pingcap/pd\n  version: v5.0.1\n",
            images: ["docker.io/pingcap/pd:v5.0.1"]),
        Shape(
            name: "an image and its tag under names of their own",
            before: "sidecarImage: a/b\nsidecarTag: v2\n",
            after: "sidecarImage: sea.hub:5000/a/b\nsidecarTag: v2\n", images: ["docker.io/a/b:v2"]),
        Shape(
            name: "an image and imageTag", before: "x: {image: a/b, imageTag: v2}\n",
            after: "x: {image: sea.hub:5000/a/b, imageTag: v2}\n", images: ["docker.io/a/b:v2"]),
        Shape(
            name: "image, tag and digest",
            before: "c:\n  image: quay.io/a/b\n  tag: v1\n  digest: \(digest)\n",
            after: "c:\n  image: sea.hub:5000/a/b\n  tag: v1\n  digest: \(digest)\n",
            images: ["quay.io/a/b:v1@\(digest)"]),
        Shape(
            name: "a name whose registry and tag come from elsewhere", before: "image: driver\n",
            after: "image: driver\n",
            possible: ["docker.io/library/driver"]),
        Shape(
            name: "a name with a domain and no tag", before: "myImage: quay.io/a/b\n",
            after: "myImage: sea.hub:5000/a/b\n",
            possible: ["quay.io/a/b"]),
        Shape(
            name: "a name without a domain and a tag, carried", before: "image: a/b\n",
            after: "image: sea.hub:5000/a/b\n",
            images: ["docker.io/a/b:latest"], known: ["a/b"]),
        Shape(
            name: "a registry twice",
            before: "image: {registry: quay.io, repository: ghcr.io/a/b, tag: v1}\n",
            after: "image: {registry: quay.io, repository: ghcr.io/a/b, tag: v1}\n",
            possible: ["ghcr.io/a/b:v1"]),
    ]

    static let more: [Shape] = [
        Shape(
            name: "parts that are merged",
            before: "d: &d {registry: quay.io, tag: v9}\nm: {image: {<<: *d, repository: a/b}}\n",
            after: "d: &d {registry: sea.hub:5000, tag: v9}\nm: {image: {<<: *d, repository: a/b}}\n",
            images: ["quay.io/a/b:v9"]),
        Shape(
            name: "a repository that may be of sources",
            before: "s: {repository: q.io/a/b}\nt: {gitRepository: github.com/a/b}\n",
            after: "s: {repository: q.io/a/b}\nt: {gitRepository: github.com/a/b}\n", possible: ["q.io/a/b"]),
        Shape(
            name: "repo and sha, carried",
            before: "image: {repo: q.io/a/b, tag: v1, sha: \(digest.dropFirst(7))}\n",
            after: "image: {repo: sea.hub:5000/a/b, tag: v1, sha: \(digest.dropFirst(7))}\n",
            images: ["q.io/a/b:v1@\(digest)"], known: ["q.io/a/b:v1"]),
        Shape(
            name: "a ClusterConfiguration within another object",
            before:
                "x: {clusterConfiguration: {imageRepository: q.io/k, dns: {imageRepository: q.io/c, imageTag: v1}}}\n",
            after:
                "x: {clusterConfiguration: {imageRepository: sea.hub:5000/k, dns: {imageRepository: sea.hub:5000/c, imageTag: v1}}}\n"
        ),
    ]

    static let inherited: [Shape] = [
        Shape(
            name: "a global registry and image names",
            before:
                "global:\n  image:\n    registry: registry.k8s.io\ncontroller:\n  image:\n    image: ingress-nginx/controller\n    tag: v1\n",
            after:
                "global:\n  image:\n    registry: sea.hub:5000\ncontroller:\n  image:\n    image: ingress-nginx/controller\n    tag: v1\n",
            images: ["registry.k8s.io/ingress-nginx/controller:v1"]),
        Shape(
            name: "a global hub",
            before:
                "global:\n  hub: docker.io/istio\n  tag: 1.21\n  proxy:\n    image: proxyv2\npilot:\n  hub: \"\"\n  tag: \"\"\n  image: pilot\n",
            after:
                "global:\n  hub: sea.hub:5000/istio\n  tag: 1.21\n  proxy:\n    image: proxyv2\npilot:\n  hub: \"sea.hub:5000/istio\"\n  tag: \"\"\n  image: pilot\n",
            images: ["docker.io/istio/proxyv2:1.21", "docker.io/istio/pilot:1.21"]),
        Shape(
            name: "an empty global registry",
            before:
                "global: {imageRegistry: \"\"}\nimage: {registry: docker.io, repository: bitnami/redis, tag: v1}\n",
            after:
                "global: {imageRegistry: \"\"}\nimage: {registry: sea.hub:5000, repository: bitnami/redis, tag: v1}\n",
            images: ["docker.io/bitnami/redis:v1"]),
        Shape(
            name: "a global registry over a name with a tag",
            before: "global: {imageRegistry: r.io}\nimage: a/b:1\n",
            after: "global: {imageRegistry: r.io}\nimage: a/b:1\n", possible: ["docker.io/a/b:1"]),
    ]

    static let objects: [Shape] = [
        Shape(
            name: "ImageSet",
            before:
                "apiVersion: operator.tigera.io/v1\nkind: ImageSet\nspec:\n  images:\n  - image: calico/node\n    digest: \(digest)\n",
            after:
                "apiVersion: operator.tigera.io/v1\nkind: ImageSet\nspec:\n  images:\n  - image: calico/node\n    digest: \(digest)\n",
            possible: ["docker.io/calico/node@\(digest)"], known: ["calico/node@\(digest)"]),
        Shape(
            name: "kustomize",
            before:
                "kind: Kustomization\nimages:\n- name: gcr.io/s/m\n  newName: registry.k8s.io/m\n  newTag: v1\n- name: nginx\n  newTag: \"1.21\"\n- name: q.io/x\n  digest: \(digest)\n  newName: q.io/y\n",
            after:
                "kind: Kustomization\nimages:\n- name: sea.hub:5000/s/m\n  newName: sea.hub:5000/m\n  newTag: v1\n- name: sea.hub:5000/library/nginx\n  newTag: \"1.21\"\n- name: sea.hub:5000/x\n  digest: \(digest)\n  newName: sea.hub:5000/y\n",
            images: ["registry.k8s.io/m:v1", "docker.io/library/nginx:1.21", "q.io/y@\(digest)"]),
        Shape(
            name: "kustomize over files that are fetched",
            before:
                "resources: [\"https://x.io/base.yaml\"]\nimages:\n- {name: a/b, newName: c/d, newTag: v1}\n",
            after:
                "resources: [\"https://x.io/base.yaml\"]\nimages:\n- {name: a/b, newName: sea.hub:5000/c/d, newTag: v1}\n",
            images: ["docker.io/c/d:v1"]),
        Shape(
            name: "a volume",
            before: "volumes:\n- name: v\n  image:\n    reference: quay.io/a/b:v1\n    pullPolicy: Always\n",
            after:
                "volumes:\n- name: v\n  image:\n    reference: sea.hub:5000/a/b:v1\n    pullPolicy: Always\n",
            images: ["quay.io/a/b:v1"]),
        Shape(
            name: "OCIRepository",
            before:
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nspec:\n  url: oci://ghcr.io/a/b\n  ref: {tag: v1}\n",
            after:
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nspec:\n  url: oci://sea.hub:5000/a/b\n  ref: {tag: v1}\n",
            images: ["ghcr.io/a/b:v1"]),
        Shape(
            name: "a Clusterfile",
            before: "apiVersion: sealer.io/v1\nkind: Cluster\nspec:\n  image: kubernetes:v1.19.8\n",
            after: "apiVersion: sealer.io/v1\nkind: Cluster\nspec:\n  image: kubernetes:v1.19.8\n"),
        Shape(
            name: "kubeadm",
            before:
                "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nimageRepository: k8s.gcr.io\ndns: {imageRepository: q.io/c, imageTag: v1}\n",
            after:
                "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nimageRepository: sea.hub:5000\ndns: {imageRepository: sea.hub:5000/c, imageTag: v1}\n"
        ),
        Shape(
            name: "a package of crossplane",
            before: "apiVersion: pkg.crossplane.io/v1\nkind: Provider\nspec: {package: \"x.io/p/q:v1\"}\n",
            after:
                "apiVersion: pkg.crossplane.io/v1\nkind: Provider\nspec: {package: \"sea.hub:5000/p/q:v1\"}\n",
            images: ["x.io/p/q:v1"]),
        Shape(
            name: "a tag of an ImageStream",
            before: "tags: [{from: {kind: DockerImage, name: 'q.io/a/b:1'}}]\n",
            after: "tags: [{from: {kind: DockerImage, name: 'sea.hub:5000/a/b:1'}}]\n", images: ["q.io/a/b:1"]
        ),
        Shape(
            name: "relatedImages", before: "relatedImages:\n- {name: x, image: q.io/a/b@\(digest)}\n",
            after: "relatedImages:\n- {name: x, image: sea.hub:5000/a/b@\(digest)}\n",
            images: ["q.io/a/b@\(digest)"]),
    ]

    static let collections: [Shape] = [
        Shape(
            name: "a list of images", before: "images:\n- q.io/a/b:1\n- 'nginx:2'\n- plain\n",
            after: "images:\n- sea.hub:5000/a/b:1\n- 'sea.hub:5000/library/nginx:2'\n- plain\n",
            images: ["q.io/a/b:1", "docker.io/library/nginx:2"]),
        Shape(
            name: "a mapping of images",
            before: "images:\n  one: q.io/a/b:1\n  tags: {two: \"c/d:2\"}\n  pull_policy: IfNotPresent\n",
            after:
                "images:\n  one: sea.hub:5000/a/b:1\n  tags: {two: \"sea.hub:5000/c/d:2\"}\n  pull_policy: IfNotPresent\n",
            images: ["q.io/a/b:1", "docker.io/c/d:2"]),
        Shape(
            name: "a list of named images", before: "images:\n- name: rancher/k3s:v1\n- name: q.io/x:2\n",
            after: "images:\n- name: sea.hub:5000/rancher/k3s:v1\n- name: sea.hub:5000/x:2\n",
            images: ["docker.io/rancher/k3s:v1", "q.io/x:2"]),
        Shape(
            name: "containers without a tag",
            before: "initContainers: [{image: busybox}]\nsteps: [{image: q.io/a}]\n",
            after:
                "initContainers: [{image: sea.hub:5000/library/busybox}]\nsteps: [{image: sea.hub:5000/a}]\n",
            images: ["docker.io/library/busybox:latest", "q.io/a:latest"]),
    ]

    @Test(arguments: shapes) func isFoundWholeAndRewrittenWhereItsRegistryIsDecided(_ shape: Shape) throws {
        let scan = try ImageReferenceTests.scan(shape.before, known: shape.known)
        #expect(scan.references.map(\.reference.description) == shape.images)
        #expect(scan.possible.map(\.name) == shape.possible)
        let after = String(decoding: try scan.rewritten(to: "sea.hub:5000"), as: UTF8.self)
        #expect(after == shape.after)
        let known = shape.known + shape.images
        #expect(
            try ImageReferenceTests.rewrite(after, known: known) == after, "a second rewrite changes nothing")
    }
}
