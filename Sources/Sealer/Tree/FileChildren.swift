// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// What a folder of a tree holds, by name.
///
/// A layer may have millions of files, so an entry costs 16 bytes, the bytes of its name and a position in a table:
/// names are one after another in one array and have no array of their own. Copies share all of it until one changes.
package struct FileChildren: Sequence {
    /// A name and what has it.
    package typealias Element = (name: [UInt8], node: FileNode)

    private var table: Table?

    /// Nothing.
    init() {}

    /// Whether there is nothing.
    package var isEmpty: Bool { count == 0 }

    /// How many there are.
    package var count: Int { table?.count ?? 0 }

    /// What has the name; `nil` where nothing has.
    package subscript(name: [UInt8]) -> FileNode? {
        guard let table, let position = table.position(of: name) else { return nil }
        return table.entries[position].node
    }

    /// Gives `name` to `node`, in place of what had it; `nil` takes it away.
    mutating func set(_ node: FileNode?, at name: [UInt8]) {
        if table == nil {
            if node == nil { return }
            table = Table()
        } else if !isKnownUniquelyReferenced(&table) {
            table = table.map(Table.init(copying:))
        }
        table?.set(node, at: name)
    }

    /// All of them, in no particular order.
    package func makeIterator() -> Walk { Walk(table, order: nil) }

    /// All of them, in the order of the bytes of their names.
    package var ordered: Walk { Walk(table, order: table?.sorted() ?? []) }

    /// Goes through the children, as they were when it was made.
    package struct Walk: Sequence, IteratorProtocol {
        private let table: Table?
        private let order: [UInt32]?
        private var at = 0

        fileprivate init(_ table: Table?, order: [UInt32]?) {
            self.table = table
            self.order = order
        }

        package mutating func next() -> Element? {
            guard let table else { return nil }
            while at < (order?.count ?? table.entries.count) {
                let entry = table.entries[order.map { Int($0[at]) } ?? at]
                at += 1
                if let node = entry.node { return (Array(table.names[entry.range]), node) }
            }
            return nil
        }
    }
}

/// The entries of a folder in the order they came, and where each name is among them.
private final class Table {
    struct Entry {
        /// Where the name begins among the names, and in the last eight bits its length: no name has over 255 bytes.
        var place: UInt64
        /// `nil` where it was taken away: the name keeps its entry.
        var node: FileNode?

        var range: Range<Int> { Int(place >> 8)..<Int(place >> 8) + Int(place & 0xFF) }
    }

    private(set) var names: [UInt8] = []
    private(set) var entries: [Entry] = []
    /// How many entries have a node.
    private(set) var count = 0
    /// Numbers of entries plus one, each at the place that the hash of its name means or the next free one, 0 where none
    /// is; empty for so few entries that looking at all of them is as fast.
    private var places: [UInt32] = []

    init() {}

    init(copying other: Table) {
        (names, entries, count, places) = (other.names, other.entries, other.count, other.places)
    }

    func position(of name: [UInt8]) -> Int? {
        if places.isEmpty { return entries.indices.first { isNamed(name, at: entries[$0]) } }
        var place = self.place(of: name[...])
        while places[place] != 0 {
            let position = Int(places[place]) - 1
            if isNamed(name, at: entries[position]) { return position }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    func set(_ node: FileNode?, at name: [UInt8]) {
        precondition(name.count < 256, "names are checked before they come into a tree")
        if let position = position(of: name) {
            count += (node == nil ? 0 : 1) - (entries[position].node == nil ? 0 : 1)
            entries[position].node = node
        } else if let node {
            entries.append(Entry(place: UInt64(names.count) << 8 | UInt64(name.count), node: node))
            names += name
            count += 1
            if entries.count > 8, entries.count * 4 > places.count * 3 {
                spread()
            } else if !places.isEmpty {
                note(entries.count - 1)
            }
        }
    }

    /// The numbers of the entries that have a node, in the order of their names.
    func sorted() -> [UInt32] {
        var order = entries.indices.filter { entries[$0].node != nil }.map { UInt32($0) }
        names.withUnsafeBytes { names in
            order.sort {
                let (one, other) = (entries[Int($0)].range, entries[Int($1)].range)
                let shared = min(one.count, other.count)
                let found =
                    shared == 0
                    ? 0
                    : memcmp(
                        names.baseAddress! + one.lowerBound, names.baseAddress! + other.lowerBound, shared)
                return found == 0 ? one.count < other.count : found < 0
            }
        }
        return order
    }

    private func isNamed(_ name: [UInt8], at entry: Entry) -> Bool {
        guard Int(entry.place & 0xFF) == name.count else { return false }
        return names.withUnsafeBytes { names in
            name.isEmpty
                || name.withUnsafeBytes {
                    memcmp(names.baseAddress! + entry.range.lowerBound, $0.baseAddress!, $0.count) == 0
                }
        }
    }

    /// The seed of a hash differs from run to run: no layer can be made of names that share their places.
    private func place(of name: ArraySlice<UInt8>) -> Int {
        var hasher = Hasher()
        name.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize() & (places.count - 1)
    }

    private func note(_ position: Int) {
        var place = self.place(of: names[entries[position].range])
        while places[place] != 0 { place = (place + 1) & (places.count - 1) }
        places[place] = UInt32(position + 1)
    }

    /// Makes room for as many entries again.
    private func spread() {
        places = [UInt32](repeating: 0, count: max(16, places.count * 2))
        for position in entries.indices { note(position) }
    }
}
