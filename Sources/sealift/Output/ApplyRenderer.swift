// SPDX-License-Identifier: Apache-2.0
internal import Apply
internal import OCI

extension ApplyPlan {
    /// The plan as lines for people.
    var lines: [Line] {
        let steps = steps.enumerated().map { index, step in
            Tree(
                "\(index + 1). \(step.title)" + (step.bytes > 0 ? "  \(step.bytes.asBytes)" : "")
                    + (step.isDone ? "  done already" : step.seconds.map { "  \($0.asTime)" } ?? ""),
                children: step.isDone ? [] : (step.details ?? []).map { Tree($0) })
        }
        var lines = Tree("apply \(bundle) to \(store) for \(platform)", children: steps).lines
        if let basis {
            let sum = self.steps.reduce(0) { $0 + ($1.seconds ?? 0) }
            lines.append(Line("\(sum.asTime) in all: \(basis)"))
        }
        return lines
    }
}

extension Receipt {
    /// The images with their layers as lines for people.
    var lines: [Line] {
        images.flatMap { image in
            let layers = image.layers.map { Tree("\($0.id.short)  \($0.type) \($0.value)") }
            return Tree(Line.bold(image.name) + "  \(image.id)  \(image.platform)", children: layers).lines
        }
    }
}

extension Rollback.Outcome {
    /// What is undone as lines for people.
    var lines: [String] {
        images.map {
            "\($0.name)  \($0.from.prefix(12)) → \($0.to.map { String($0.prefix(12)) } ?? "no image")"
        }
            + ["\(layers.count) layers, \(bytes.asBytes)"]
    }
}

extension Double {
    /// A lower bound in seconds for people: `at least 1 s`, `at least 12 s`, `at least 4 min`.
    fileprivate var asTime: String {
        self < 100
            ? "at least \(Int(rounded(.up))) s" : "at least \(Int((self / 60).rounded(.down))) min"
    }
}
