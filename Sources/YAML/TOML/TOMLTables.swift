// SPDX-License-Identifier: Apache-2.0

/// The tables of a TOML file while it is read: who has made each, so that none is made twice.
/// Source: TOML 1.0, the sections Keys, Table, Inline Table and Array of Tables.
struct TOMLTables {
    /// Why a statement cannot are where it does.
    struct Fault: Error { var reason: String }

    private final class Table {
        enum Origin { case implied, header, dotted }
        var origin: Origin
        var fields: [String: Field] = [:]

        init(_ origin: Origin) { self.origin = origin }
    }

    /// The elements of an array of tables.
    private final class Tables {
        var all: [Table]

        init(_ first: Table) { all = [first] }
    }

    private enum Field {
        case value(TOMLTree)
        case table(Table)
        case tables(Tables)
    }

    private let root = Table(.header)
    private var current: Table
    private var path: [FieldPath.Part] = []
    /// The tables that dotted keys below the current header have made.
    private var made: Set<ObjectIdentifier> = []

    init() { current = root }

    /// Takes in a statement; gives it with its path from the root.
    mutating func adding(_ statement: TOMLStatement) throws(Fault) -> TOMLStatement {
        var statement = statement
        let keys = statement.path.compactMap(\.key)
        switch statement.content {
        case .header(let isArray):
            try open(keys, isArray: isArray)
            statement.path = path
        case .pair(let pair):
            try put(TOMLTree(pair.value), at: keys)
            statement.path = path + keys.map { .key($0) }
        }
        return statement
    }

    private mutating func open(_ keys: [String], isArray: Bool) throws(Fault) {
        var (table, path) = (root, [FieldPath.Part]())
        for key in keys.dropLast() {
            path.append(.key(key))
            switch table.fields[key] {
            case nil:
                let next = Table(.implied)
                table.fields[key] = .table(next)
                table = next
            case .table(let next): table = next
            case .tables(let list):
                path.append(.index(list.all.count - 1))
                table = list.all[list.all.count - 1]
            case .value: throw Fault(reason: "'\(key)' has a value already and is no table")
            }
        }
        guard let key = keys.last else { return }
        path.append(.key(key))
        let next = Table(.header)
        switch table.fields[key] {
        case nil: table.fields[key] = isArray ? .tables(Tables(next)) : .table(next)
        case .tables(let list) where isArray: list.all.append(next)
        case .table(let there) where !isArray && there.origin == .implied:
            there.origin = .header
            (current, self.path, made) = (there, path, [])
            return
        default: throw Fault(reason: "'\(key)' is there already")
        }
        if isArray, case .tables(let list) = table.fields[key] { path.append(.index(list.all.count - 1)) }
        (current, self.path, made) = (next, path, [])
    }

    mutating func put(_ value: TOMLTree, at keys: [String]) throws(Fault) {
        var table = current
        for key in keys.dropLast() {
            switch table.fields[key] {
            case nil:
                let next = Table(.dotted)
                made.insert(ObjectIdentifier(next))
                table.fields[key] = .table(next)
                table = next
            case .table(let next) where next.origin == .implied || made.contains(ObjectIdentifier(next)):
                if next.origin == .implied {
                    next.origin = .dotted
                    made.insert(ObjectIdentifier(next))
                }
                table = next
            default: throw Fault(reason: "'\(key)' is there already, and a dotted key cannot add to it")
            }
        }
        guard let key = keys.last else { return }
        guard table.fields[key] == nil else { throw Fault(reason: "the key '\(key)' is there already") }
        table.fields[key] = .value(value)
    }

    /// What the statements say.
    var tree: TOMLTree { Self.tree(of: root) }

    // The depth is bounded: a key has at most `TOMLParser.deepest` parts.
    private static func tree(of table: Table) -> TOMLTree {
        .table(
            table.fields.mapValues { field in
                switch field {
                case .value(let value): value
                case .table(let table): tree(of: table)
                case .tables(let list): .array(list.all.map(tree))
                }
            })
    }
}
