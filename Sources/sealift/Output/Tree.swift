// SPDX-License-Identifier: Apache-2.0

/// Lines drawn as a tree.
struct Tree {
    var title: Line
    var children: [Tree] = []

    init(_ title: Line, children: [Tree] = []) {
        self.title = title
        self.children = children
    }

    init(_ title: String, children: [Tree] = []) { self.init(Line(title), children: children) }

    /// The tree, a line a node.
    var lines: [Line] { [title] + below("") }

    private func below(_ indent: String) -> [Line] {
        children.enumerated().flatMap { index, child in
            let isLast = index == children.count - 1
            return [indent + (isLast ? "└── " : "├── ") + child.title]
                + child.below(indent + (isLast ? "    " : "│   "))
        }
    }
}
