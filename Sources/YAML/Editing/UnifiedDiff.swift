// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension SourceText {
    /// A unified diff of `changes`, as `diff -u` writes it and `patch` reads it, three lines around each;
    /// empty where there are none.
    /// - Parameter changes: in order, each within one line.
    package func unifiedDiff(_ changes: [ImageChange]) -> String {
        guard !changes.isEmpty else { return "" }
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        var after: [Int: [UInt8]] = [:]
        var line = 0
        for change in changes.reversed() {
            line = number(ofLineAt: change.range.lowerBound, in: lines)
            let start = lines[line].startIndex
            var text = after[line] ?? Array(lines[line])
            text.replaceSubrange(
                change.range.lowerBound - start..<change.range.upperBound - start, with: change.after.utf8)
            after[line] = text
        }
        // The text after the last line end is no line where it is empty.
        let count = lines.last?.isEmpty == true ? lines.count - 1 : lines.count
        var diff = "--- \(path)\n+++ \(path)\n"
        var rest = after.keys.sorted()[...]
        while let first = rest.first {
            var last = first
            while let next = rest.first, next - last <= 6 {
                last = next
                rest.removeFirst()
            }
            diff += hunk(max(0, first - 3)..<min(count, last + 4), lines: lines, after: after)
        }
        return diff
    }

    private func hunk(
        _ range: Range<Int>, lines: [ArraySlice<UInt8>], after: [Int: [UInt8]]
    ) -> String {
        let place = "\(range.lowerBound + 1),\(range.count)"
        var text = "@@ -\(place) +\(place) @@\n"
        func write(_ mark: String, index: Int, bytes: some Sequence<UInt8>) {
            text += mark + String(decoding: Array(bytes), as: UTF8.self) + "\n"
            if index == lines.count - 1 { text += "\\ No newline at end of file\n" }
        }
        var at = range.lowerBound
        while at < range.upperBound {
            let end =
                (at..<range.upperBound).first { (after[$0] == nil) != (after[at] == nil) } ?? range.upperBound
            for index in at..<end {
                write(after[index] == nil ? " " : "-", index: index, bytes: lines[index])
            }
            for index in at..<end { if let new = after[index] { write("+", index: index, bytes: new) } }
            at = end
        }
        return text
    }

    private func number(ofLineAt offset: Int, in lines: [ArraySlice<UInt8>]) -> Int {
        var low = 0
        var high = lines.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lines[middle].startIndex <= offset { low = middle } else { high = middle }
        }
        return low
    }
}
