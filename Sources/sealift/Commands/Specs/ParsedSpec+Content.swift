// SPDX-License-Identifier: Apache-2.0
internal import OCI
internal import Spec

extension ParsedSpec {
    /// The same spec, if it carries anything.
    /// - Throws: a ``Failure`` of kind `configuration` for one that would make an empty bundle.
    func checkedForContent() throws(Failure) -> ParsedSpec {
        let isEmpty =
            gaps.problems.isEmpty && spec.base == nil && spec.files.isEmpty && spec.images.isEmpty
            && spec.builds.isEmpty && (spec.charts ?? []).isEmpty && (spec.localCharts ?? []).isEmpty
        guard isEmpty else { return self }
        throw Failure(
            .configuration, "collect", path, because: "it names nothing to carry",
            remedy: "add images, files, charts or a base; `sealift init -o -` shows an example")
    }
}
