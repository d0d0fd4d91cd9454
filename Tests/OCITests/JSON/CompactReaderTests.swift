// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

/// What is read in the compact form, and that no other form is.
@Suite struct CompactReaderTests {
    static let hex = String(repeating: "0a", count: 32)

    private static func reader(_ text: String) -> CompactReader { CompactReader(Array(text.utf8)) }

    @Test func valuesAreRead() throws {
        var text = Self.reader(#"[{"a":"x","b":7}]"#)
        let read = try text.list { (text) throws(CompactReader.OtherForm) in
            try text.take("{\"a\":")
            let name = try text.string()
            try text.take(",\"b\":")
            let size = try text.size()
            try text.take("}")
            return "\(name)\(size)"
        }
        #expect(read == ["x7"])
        #expect(text.isAtEnd)
        for digits in [Self.hex, String(repeating: "f0", count: 64)] {
            let digest = "\(digits.count == 64 ? "sha256" : "sha512"):\(digits)"
            var text = Self.reader("\"\(digest)\"")
            #expect(try text.digest().description == digest)
        }
        for size in ["0", "9", "10", "9007199254740991"] {
            var text = Self.reader(size)
            #expect(try text.size() == Int64(size))
        }
    }

    @Test(arguments: ["", "00", "01", "-1", "9007199254740992", "99999999999999999999", "x"])
    func otherSizesAreNot(text: String) {
        var text = Self.reader(text)
        #expect(throws: CompactReader.OtherForm.self) { try text.size() }
    }

    @Test(arguments: [#""a\/b""#, #""a"#, "\"é\"", "\"a\nb\"", "a", ""])
    func otherStringsAreNot(text: String) {
        var text = Self.reader(text)
        #expect(throws: CompactReader.OtherForm.self) { try text.string() }
    }

    @Test(arguments: [
        "sha256:\(hex.uppercased())", "sha256:\(hex.dropLast())", "sha256:\(hex)0", "sha512:\(hex)",
        "md5:\(hex)",
        "sha256\(hex)", "sha256:\(hex.dropLast())g",
    ])
    func otherDigestsAreNot(digest: String) {
        var text = Self.reader("\"\(digest)\"")
        #expect(throws: CompactReader.OtherForm.self) { try text.digest() }
        #expect(throws: Failure.self) { try Digest(digest) }
    }

    @Test(arguments: ["nginx", "nginx:1", "index.docker.io/a/b:1", "docker.io/a/B:1"])
    func otherNamesAreNot(name: String) {
        var text = Self.reader("\"\(name)\"")
        #expect(throws: CompactReader.OtherForm.self) { try text.reference() }
    }

    @Test(arguments: ["[1 ,2]", "[1,]", "[,1]", "[1", "[1 ]", "[ 1]"])
    func otherListsAreNot(list: String) {
        var text = Self.reader(list)
        #expect(throws: CompactReader.OtherForm.self) {
            try text.list { (text) throws(CompactReader.OtherForm) in try text.size() }
        }
    }

    @Test func aKeyIsFoundBehindAnyValue() throws {
        var text = Self.reader(#"{"a":"]},\"","b":[1,{"c":"}"}],"d":{"e":[],"f":true,"g":5},"h":1}"#)
        try text.enter("d")
        try text.enter("f")
        try text.skip()
        try text.leave()
        try text.enter("h")
        #expect(try text.size() == 1)
        #expect(text.takes("}") && text.isAtEnd)
    }

    @Test(arguments: [
        #"{"a":1}"#, #"{"b":[1}"#, #"{"b":{"#, #"{"a":"#, #"{"a":"x"#, "[]", "", #"{"a":1,}"#, #"{"a":]"#,
    ])
    func aKeyThatIsNotThereIsNot(text: String) {
        var text = Self.reader(text)
        #expect(throws: CompactReader.OtherForm.self) { try text.enter("z") }
    }
}
