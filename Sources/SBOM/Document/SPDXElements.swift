// SPDX-License-Identifier: Apache-2.0

/// Elements of an SPDX document as JSON has them.
///
/// Source: SPDX 2.3, clauses 6 and 7, and its JSON schema.
enum SPDX {
    static let none = "NOASSERTION"

    /// The document without its elements, which follow one by one.
    struct Document: Encodable {
        struct Creation: Encodable {
            let created: String
            let creators: [String]
            let comment: String
        }
        let SPDXID = "SPDXRef-DOCUMENT"
        let spdxVersion = "SPDX-2.3"
        let dataLicense = "CC0-1.0"
        let name: String
        let documentNamespace: String
        let creationInfo: Creation
        let comment: String
    }

    /// Anything that is carried, or installed in what is carried.
    struct Package: Encodable {
        enum Purpose: String, Encodable {
            case application = "APPLICATION", archive = "ARCHIVE", container = "CONTAINER", file = "FILE"
            case library = "LIBRARY", other = "OTHER"
        }
        struct Checksum: Encodable { let algorithm: String, checksumValue: String }
        struct ExternalReference: Encodable {
            let referenceCategory = "PACKAGE-MANAGER"
            let referenceType = "purl"
            let referenceLocator: String
        }

        let SPDXID: String
        let name: String
        var versionInfo: String?
        var downloadLocation = SPDX.none
        let filesAnalyzed = false
        let licenseConcluded = SPDX.none
        let licenseDeclared = SPDX.none
        let copyrightText = SPDX.none
        var licenseComments: String?
        var primaryPackagePurpose: Purpose?
        var checksums: [Checksum]?
        var externalRefs: [ExternalReference]?
        var sourceInfo: String?
        var comment: String?
    }
}
