// SPDX-License-Identifier: Apache-2.0

/// What the name of a key says; the names of a file are few, and each is looked at once.
final class KeyWords {
    /// What one name says.
    struct Word {
        /// What it is in an image that several values make up.
        let field: ImageFields.Key?
        /// Whether it has the word `image` in it.
        let saysImage: Bool
        /// The role that the whole name has.
        let role: Role?
        /// What it ends in.
        let place: ImageScope.Place
    }

    /// What a whole name says of its value.
    enum Role {
        case image, type, description, schemaDefault, value, clusterConfiguration, environment, arguments,
            text,
            container, steps, tags, package

        fileprivate static let named: [String: Role] = [
            "image": .image, "type": .type, "description": .description, "title": .description,
            "summary": .description, "default": .schemaDefault, "value": .value,
            "clusterConfiguration": .clusterConfiguration, "env": .environment, "args": .arguments,
            "command": .arguments, "data": .text, "stringData": .text, "annotations": .text,
            "binaryData": .text, "container": .container, "script": .container,
            "stepTemplate": .container, "steps": .steps, "sidecars": .steps, "tags": .tags,
            "package": .package,
        ]
    }

    private struct Entry {
        let name: ArraySlice<UInt8>
        let word: Word
    }
    private var entries: [Entry] = []
    /// By the hash of the name, which entry is there, from 1; at most half of the places are taken.
    private var places = [UInt16](repeating: 0, count: 1 << 10)
    private static let most = 1 << 14

    /// What a name says.
    func word(_ key: ArraySlice<UInt8>) -> Word {
        var place = Self.hash(key) & (places.count - 1)
        while places[place] != 0 {
            let entry = entries[Int(places[place]) - 1]
            if entry.name.elementsEqual(key) { return entry.word }
            place = (place + 1) & (places.count - 1)
        }
        let word = Self.read(key)
        guard entries.count < Self.most else { return word }
        entries.append(Entry(name: Array(key)[...], word: word))
        places[place] = UInt16(entries.count)
        if entries.count * 2 > places.count { grow() }
        return word
    }

    private static func read(_ key: ArraySlice<UInt8>) -> Word {
        let text = String(decoding: key, as: UTF8.self)
        return Word(
            field: ImageFields.Key.named[text], saysImage: ImageScope.says(key), role: Role.named[text],
            place: ImageScope.place(ofKeyEndingIn: key))
    }

    private func grow() {
        places = [UInt16](repeating: 0, count: places.count * 2)
        for (number, entry) in entries.enumerated() {
            var place = Self.hash(entry.name) & (places.count - 1)
            while places[place] != 0 { place = (place + 1) & (places.count - 1) }
            places[place] = UInt16(number + 1)
        }
    }

    /// FNV-1a; a file that makes all its names collide only makes itself slow to read.
    private static func hash(_ key: ArraySlice<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        key.withUnsafeBufferPointer { for byte in $0 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 } }
        return Int(truncatingIfNeeded: hash ^ hash >> 32)
    }
}
