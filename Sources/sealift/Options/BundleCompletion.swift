// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BundleFormat
internal import OCI
internal import Spec

/// What a shell offers for an option, from the bundle or the spec that the line names already.
enum BundleCompletion {
    /// The images of the bundle.
    static let images = CompletionKind.custom { words, _, _ in
        offered(bundle(in: words)?.images.map(\.reference.familiar) ?? [])
    }

    /// The images and the files of the bundle.
    static let names = CompletionKind.custom { words, _, _ in
        guard let bundle = bundle(in: words) else { return [] }
        return offered(bundle.images.map(\.reference.familiar) + Set(bundle.files.map(\.name)).sorted())
    }

    /// The platforms of the bundle or of the spec; without either the usual two.
    static let platforms = CompletionKind.custom { words, _, _ in
        let known = bundle(in: words)?.spec.platforms ?? spec(in: words)?.platforms
        return known?.map(\.description) ?? ["linux/amd64", "linux/arm64"]
    }

    /// Names as the shell that asks reads them: for zsh a bare colon ends a name and begins its description.
    private static func offered(_ names: [String]) -> [String] {
        CompletionShell.requesting == .zsh ? names.map { $0.replacing(":", with: "\\:") } : names
    }

    private static func bundle(in words: [String]) -> Bundle? {
        words.dropFirst().lazy.filter { !$0.hasPrefix("-") }.compactMap { try? Bundle(opening: $0) }.first
    }

    private static func spec(in words: [String]) -> Spec? {
        words.dropFirst().lazy.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }
            .compactMap { try? SpecReader.read(path: $0).spec }.first
    }
}
