// SPDX-License-Identifier: Apache-2.0

/// Where an image archive is, and which of its images is meant: `docker-archive:PATH[:NAME]`,
/// `oci-archive:PATH[:NAME]`, `oci:PATH[:NAME]`, as skopeo and podman write it.
package struct ArchiveLocation: Sendable, Equatable {
    /// The form of the archive.
    package let form: ImageArchive.Form
    /// Its path, as it was written; without a colon.
    package let path: String
    /// What the image is called there; `nil` for the only one.
    package let name: String?

    /// Parses the text form.
    /// - Throws: a ``Failure`` of kind `configuration` that says what is wrong.
    package init(_ text: String) throws(Failure) {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(
            String.init)
        func refuse(_ reason: String) -> Failure {
            Failure(
                .configuration, "read the source", "'\(text.prefix(120))'", because: reason,
                remedy: "write it like docker-archive:./images.tar:myapp:1.0")
        }
        guard let form = ImageArchive.Form(rawValue: parts[0]), parts.count > 1 else {
            let forms = ImageArchive.Form.allCases.map { "\($0.rawValue):PATH" }.joined(separator: ", ")
            throw refuse("it is none of \(forms)")
        }
        guard !parts[1].isEmpty, parts[1].utf8.count < 4096, parts.count < 3 || !parts[2].isEmpty,
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { throw refuse("its path or name is empty, too long, or has control characters") }
        self.form = form
        path = parts[1]
        name = parts.count == 3 ? parts[2] : nil
    }
}

extension ArchiveLocation: CustomStringConvertible, Codable {
    /// The text form, which ``init(_:)`` reads back.
    package var description: String { "\(form.rawValue):\(path)" + (name.map { ":" + $0 } ?? "") }

    /// Decodes the text form.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            self = try ArchiveLocation(container.decode(String.self))
        } catch let failure as Failure {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: failure.description)
        }
    }

    /// Encodes the text form.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
