// SPDX-License-Identifier: Apache-2.0
import Testing
import YAML

/// Forms that people write and that are easily taken for something else.
@Suite struct ImageOddFormTests {
    typealias Shape = ImageShapeTests.Shape
    static let digest = ImageShapeTests.digest

    static let shapes: [Shape] = registries + tags + names + texts

    static let registries: [Shape] = [
        Shape(
            name: "a registry of global beside another one",
            before:
                "global: {imageRegistry: \"m.io:5000/hub\"}\nimage: {registry: docker.io, repository: a/b, tag: v1}\n",
            after:
                "global: {imageRegistry: \"sea.hub:5000/hub\"}\nimage: {registry: sea.hub:5000, repository: a/b, tag: v1}\n",
            possible: ["docker.io/a/b:v1", "m.io:5000/hub/a/b:v1"]),
        Shape(
            name: "the same registry in global",
            before: "global: {imageRegistry: q.io}\nimage: {registry: q.io, repository: a/b, tag: v1}\n",
            after:
                "global: {imageRegistry: sea.hub:5000}\nimage: {registry: sea.hub:5000, repository: a/b, tag: v1}\n",
            images: ["q.io/a/b:v1"]),
        Shape(
            name: "a registry that ends in a slash",
            before: "image: {registry: q.io/, repository: a/b, tag: v1}\n",
            after: "image: {registry: sea.hub:5000/, repository: a/b, tag: v1}\n", images: ["q.io/a/b:v1"]),
        Shape(
            name: "an empty registry below image",
            before: "image:\n  e:\n    registry: ''\n    repository: l/e\n    tag: v1\n",
            after: "image:\n  e:\n    registry: 'sea.hub:5000'\n    repository: l/e\n    tag: v1\n",
            images: ["docker.io/l/e:v1"]),
        Shape(
            name: "registry, repository and tag anywhere",
            before: "a: {registry: q.io, repository: b, tag: v1}\n",
            after: "a: {registry: sea.hub:5000, repository: b, tag: v1}\n", images: ["q.io/b:v1"]),
        Shape(
            name: "a map of images in parts",
            before: "images: {dns: {registry: q.io, repository: b, tag: 1.11}}\n",
            after: "images: {dns: {registry: sea.hub:5000, repository: b, tag: 1.11}}\n",
            images: ["q.io/b:1.11"]),
        Shape(
            name: "repository and image whose version the program fills in",
            before: "d:\n  repository: n.io/c\n  image: v\n  imagePullPolicy: Always\n",
            after: "d:\n  repository: sea.hub:5000/c\n  image: v\n  imagePullPolicy: Always\n",
            possible: ["n.io/c/v"]),
        Shape(
            name: "a repository of sources", before: "s: {repository: github.com/a/b, image: foo}\n",
            after: "s: {repository: github.com/a/b, image: foo}\n", possible: ["docker.io/library/foo"]),
    ]

    static let tags: [Shape] = [
        Shape(
            name: "numbers that are printed in another way",
            before:
                "a: {image: {repository: q.io/a, tag: 1.20}}\nb: {image: {repository: q.io/b, tag: 20240101}}\n"
                + "c: {image: {repository: q.io/c, tag: yes}}\nd: {image: {repository: q.io/d, tag: 0123}}\n",
            after:
                "a: {image: {repository: sea.hub:5000/a, tag: 1.20}}\nb: {image: {repository: sea.hub:5000/b, tag: 20240101}}\n"
                + "c: {image: {repository: sea.hub:5000/c, tag: yes}}\nd: {image: {repository: sea.hub:5000/d, tag: 0123}}\n",
            possible: ["q.io/a:1.20", "q.io/b:20240101", "q.io/c:yes", "q.io/d:0123"]),
        Shape(
            name: "numbers that are printed as they are",
            before: "a: {image: {repository: q.io/a, tag: 7}}\nb: {image: {repository: q.io/b, tag: 1.25}}\n"
                + "c: {image: {repository: q.io/c, tag: \"1.20\"}}\nd: {image: {repository: q.io/d, tag: 2024-01-01}}\n",
            after:
                "a: {image: {repository: sea.hub:5000/a, tag: 7}}\nb: {image: {repository: sea.hub:5000/b, tag: 1.25}}\n"
                + "c: {image: {repository: sea.hub:5000/c, tag: \"1.20\"}}\nd: {image: {repository: sea.hub:5000/d, tag: 2024-01-01}}\n",
            images: ["q.io/a:7", "q.io/b:1.25", "q.io/c:1.20", "q.io/d:2024-01-01"]),
        Shape(
            name: "a tag with a digest in it", before: "image: {repository: q.io/a, tag: \"v5@\(digest)\"}\n",
            after: "image: {repository: sea.hub:5000/a, tag: \"v5@\(digest)\"}\n",
            images: ["q.io/a:v5@\(digest)"]),
        Shape(
            name: "tag before version beside baseImage",
            before: "x: {baseImage: q.io/a, version: v2, tag: v3}\n",
            after: "x: {baseImage: sea.hub:5000/a, version: v2, tag: v3}\n", images: ["q.io/a:v3"]),
    ]

    static let names: [Shape] = [
        Shape(
            name: "a whole image as name", before: "image: {name: \"docker:24\", entrypoint: ['']}\n",
            after: "image: {name: \"sea.hub:5000/library/docker:24\", entrypoint: ['']}\n",
            images: ["docker.io/library/docker:24"]),
        Shape(
            name: "JSON values one after the other",
            before: "{\"image\": \"q.io/a:1\"}\n{\"image\": \"q.io/b:1\"}{\"image\": \"q.io/c:1\"}\n",
            after:
                "{\"image\": \"sea.hub:5000/a:1\"}\n{\"image\": \"sea.hub:5000/b:1\"}{\"image\": \"sea.hub:5000/c:1\"}\n",
            images: ["q.io/a:1", "q.io/b:1", "q.io/c:1"]),
    ]

    /// A text that only may name images, and what it becomes where they are carried.
    private static func text(_ name: String, _ before: String, _ images: [String]) -> [Shape] {
        let after = images.reduce(before) {
            $0.replacing($1, with: $1.replacing("q.io", with: "sea.hub:5000"))
        }
        return [
            Shape(name: name, before: before, after: before, possible: images),
            Shape(name: name + ", carried", before: before, after: after, images: images, known: images),
        ]
    }

    static let texts: [Shape] =
        [
            text(
                "the default of a shell's variable", "data:\n  run: |\n    I=${I:-q.io/a:1}\n", ["q.io/a:1"]),
            text("a variable of a makefile", "x: |\n  IMAGE ?= q.io/a:1\n", ["q.io/a:1"]),
            text(
                "an address with a scheme", "source: {registry: {url: \"docker://q.io/a/b:1\"}}\n",
                ["q.io/a/b:1"]),
            text("a variable of a list", "environment: [X=q.io/a/b:1]\n", ["q.io/a/b:1"]),
            text(
                "a list in one text", "defaultImages: q.io/a/b:1,q.io/c/d:2\n", ["q.io/a/b:1", "q.io/c/d:2"]),
            text("a command in any key", "run: crane copy q.io/a/b:1 there\n", ["q.io/a/b:1"]),
        ].flatMap { $0 } + [
            Shape(
                name: "a version with a plus, which is no tag", before: "x: [q.io/a/b:1.0+build]\n",
                after: "x: [q.io/a/b:1.0+build]\n")
        ]

    @Test(arguments: shapes)
    func isFoundAndRewrittenWhole(shape: Shape) throws {
        try ImageShapeTests().isFoundWholeAndRewrittenWhereItsRegistryIsDecided(shape)
    }

    @Test func aNameThatTwoImagesShareInDifferentWaysIsRefused() throws {
        let text =
            "r: &n nginx\na: {image: {registry: docker.io, repository: *n, tag: '1'}}\n"
            + "b: {image: {registry: q.io/x, repository: *n, tag: '1'}}\n"
        #expect(throws: (any Error).self) { try ImageReferenceTests.rewrite(text) }
        let global =
            "global: {imageRegistry: q.io/x}\nimage: {registry: docker.io, repository: nginx, tag: '1'}\n"
        #expect(throws: (any Error).self) { try ImageReferenceTests.rewrite(global) }
    }
}
