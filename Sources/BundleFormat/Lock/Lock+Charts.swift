// SPDX-License-Identifier: Apache-2.0
package import OCI

extension Lock {
    /// The images that a chart needs, as they were found on the connected host.
    package struct Chart: Sendable, Codable, Equatable {
        /// How the images were found.
        package enum Means: String, Sendable, Codable {
            /// Helm rendered the chart.
            case helm
            /// The chart has an `Images.lock`.
            case imagesLock
            /// Its `Chart.yaml` has the annotation `artifacthub.io/images`.
            case annotation
            /// Its templates were read without Helm.
            case templates
        }

        // In the order of their keys: see ``BundleDocument``.
        /// As the spec means it: the reference without a digest, or the path of a chart on the collecting host.
        package var chart: String
        /// The digest of its manifest; of a chart on the collecting host that of the archive, or of the folder's files.
        package var digest: Digest
        /// What it needs, in order, each once.
        package var images: [Reference]
        /// How the images were found.
        package var means: Means
        /// The digest of what it was rendered with; absent where that is nothing but the chart.
        package var values: Digest?
        /// Its version, as `Chart.yaml` has it.
        package var version: String

        /// Creates a record, its images sorted.
        package init(
            chart: String, version: String, digest: Digest, values: Digest?, means: Means,
            images: Set<Reference>
        ) {
            self.chart = chart
            self.version = version
            self.digest = digest
            self.values = values
            self.means = means
            self.images = images.sorted()
        }

        /// What is wrong with the record, in a sentence; `nil` when nothing is.
        var fault: String? {
            if Set(images).count < images.count { return "an image is there twice" }
            return images == images.sorted() ? nil : "its images are not in order"
        }
    }
}
