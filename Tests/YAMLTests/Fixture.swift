// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Files of a real base image: its daemon.json, and the network layer's YAML.
enum Fixture {
    static func bytes(_ name: String) throws -> [UInt8] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Data")
        return Array(try Data(contentsOf: folder.appending(path: name)))
    }

    static func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }
}
