// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Bundle {
    /// A failure to read one of the blobs of the bundle, with what the blob belongs to; others as they are.
    /// - Parameter operation: what was done with it: `push`, `export`.
    package func explained(_ failure: Failure, operation: String) -> Failure {
        guard failure.kind == .data,
            let item = items.first(where: { failure.artifact.hasPrefix("\($0.descriptor.digest) in ") })
        else { return failure }
        let place = failure.artifact
        var explained = failure
        explained.operation = operation
        explained.artifact = item.owner
        explained.reason = "its blob \(place) is damaged: \(failure.reason)"
        explained.remedy =
            "find all that is damaged with `sealift verify \(path)`; then copy the bundle again from where it was made"
        return explained
    }
}
