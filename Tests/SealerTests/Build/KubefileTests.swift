// SPDX-License-Identifier: Apache-2.0
import OCI
import Testing

@testable import Build
@testable import Sealer

@Suite struct KubefileTests {
    @Test func goldenKubefiles() throws {
        let cases = try GoldenCases.load().kubefiles
        #expect(cases.count == 7)
        for item in cases {
            guard let yaml = item.yaml else {
                let failure = #expect(throws: Failure.self) { try Kubefile(parsing: item.kubefile) }
                #expect(failure?.reason == item.error)
                continue
            }
            let kubefile = try Kubefile(parsing: item.kubefile)
            var image = SealerImage()
            image.sealerVersion = "latest"
            image.layers = kubefile.instructions.map {
                .init(id: nil, type: $0.keyword.rawValue, value: $0.value)
            }
            image.commands.current = kubefile.commands
            image.arguments.current = kubefile.arguments
            #expect(String(decoding: image.storeYAML, as: UTF8.self) == yaml, "\(item.kubefile)")
        }
    }

    @Test func argumentsAreSplitAtCommas() throws {
        let kubefile = try Kubefile(
            parsing: "FROM scratch\nARG A=1, B_2 = x y\narg C=a=b\nARG no\nARG a-b=c\n")
        #expect(kubefile.arguments == ["A": "1", "B_2": "x y", "C": "a=b"])
        #expect(kubefile.warnings.count == 2)
        #expect(kubefile.warnings[0].contains("line 4"))
    }

    @Test func windowsLineEndsAndKeywordsOfAnyCase() throws {
        let kubefile = try Kubefile(parsing: "from  scratch\r\n\r\ncopy\t a  b \\\r\n c\r\n")
        #expect(try kubefile.base() == "scratch")
        #expect(kubefile.instructions.map(\.value) == ["scratch", "a  b  c"])
        #expect(kubefile.instructions.map(\.line) == [1, 3])
    }

    @Test func twoBackslashesAreText() throws {
        let kubefile = try Kubefile(parsing: "FROM a\nRUN x \\\\\nRUN y")
        #expect(kubefile.instructions.map(\.value) == ["a", #"x \\"#, "y"])
    }

    @Test(arguments: ["", "# only\n", "COPY a b\n", "FROM a\nFROM b\n"])
    func aBaseIsNeeded(_ text: String) throws {
        let kubefile = try Kubefile(parsing: text)
        #expect(throws: Failure.self) { try kubefile.base() }
    }

    @Test(arguments: ["ADD a b", "FROM a\n # indented", "FROM a\nCMD", "\\\n"])
    func whatIsNoInstructionIsRefused(_ text: String) {
        let failure = #expect(throws: Failure.self) { try Kubefile(parsing: text) }
        #expect(failure?.kind == .configuration)
    }
}
