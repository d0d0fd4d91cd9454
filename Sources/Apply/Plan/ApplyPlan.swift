// SPDX-License-Identifier: Apache-2.0
package import OCI

/// What an apply will do, in order.
package struct ApplyPlan: Sendable, Codable {
    /// The bundle's name.
    package var bundle: String
    /// The store's folder.
    package var store: String
    /// The platform that is built for.
    package var platform: Platform
    /// The steps, in order.
    package var steps: [Step]
    /// Where the times of the steps come from; `nil` where they were not asked for.
    package var basis: String?

    /// One step: atomic, verified, and skipped when it is done already.
    package struct Step: Sendable, Codable {
        /// What it does, for people.
        package var title: String
        /// How many bytes of the bundle it reads.
        package var bytes: Int64
        /// Whether an earlier run has done it.
        package var isDone: Bool
        /// The instructions of a build, as they will run, and who runs them unless it is sealift itself.
        package var details: [String]? = nil
        /// How many seconds it takes at least; `nil` where it was not asked for or not measured. See ``ApplyPlan/basis``.
        package var seconds: Double?
    }
}

/// What happens during an apply, for a display.
package enum ApplyEvent: Sendable {
    /// A step begins, the `number`-th of `count`.
    case began(number: Int, count: Int, title: String, bytes: Int64)
    /// The running step has read more bytes of the bundle.
    case read(bytes: Int64)
    /// The running step has ended.
    case ended
    /// A note for people.
    case note(String)
}
