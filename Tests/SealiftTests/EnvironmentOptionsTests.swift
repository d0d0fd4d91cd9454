// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import sealift

/// Options that the environment gives.
@Suite struct EnvironmentOptionsTests {
    func options(_ arguments: [String], _ environment: [String: String]) -> EnvironmentOptions {
        EnvironmentOptions(Sealift.self, arguments: arguments, environment: environment)
    }

    @Test func anOptionOfTheCommandIsAdded() {
        let made = options(["collect", "x.yaml"], ["SEALIFT_JOBS": "4", "PATH": "/bin"])
        #expect(made.arguments == ["collect", "x.yaml", "--jobs=4"])
        #expect(made.used == ["SEALIFT_JOBS"])
        #expect(made.unknown.isEmpty)
    }

    @Test(arguments: [["--jobs", "2"], ["--jobs=2"]])
    func theCommandLineWins(_ given: [String]) {
        let made = options(["collect", "x.yaml"] + given, ["SEALIFT_JOBS": "4"])
        #expect(made.arguments == ["collect", "x.yaml"] + given)
        #expect(made.used.isEmpty)
    }

    @Test func anOptionBehindTwoDashesIsNoOption() {
        let made = options(["collect", "--", "--jobs=2"], ["SEALIFT_JOBS": "4"])
        #expect(made.arguments == ["collect", "--jobs=4", "--", "--jobs=2"])
    }

    @Test func anOptionOfAnotherCommandIsLeftAlone() {
        let made = options(["verify", "x.sealift"], ["SEALIFT_VOLUME_SIZE": "4GB"])
        #expect(made.arguments == ["verify", "x.sealift"])
        #expect(made.unknown.isEmpty)
    }

    @Test func aVariableOfNoCommandIsReported() {
        let made = options(["verify", "x.sealift"], ["SEALIFT_JOSB": "4", "SEALIFT_EMPTY": ""])
        #expect(made.unknown == ["SEALIFT_JOSB"])
    }

    @Test func subcommandsAreFound() {
        let made = options(["store", "check"], ["SEALIFT_STORE": "/s"])
        #expect(made.arguments == ["store", "check", "--store=/s"])
    }

    @Test func aRepeatedOptionTakesWords() {
        let made = options(
            ["collect", "x.yaml"],
            ["SEALIFT_PLATFORM": " linux/amd64\tlinux/arm64 ", "SEALIFT_OUTPUT": "a b"])
        #expect(made.arguments.contains("--platform=linux/amd64"))
        #expect(made.arguments.contains("--platform=linux/arm64"))
        #expect(made.arguments.contains("--output=a b"))
    }

    @Test(arguments: [("1", true), ("TRUE", true), ("yes", true), ("0", false), ("no", false), ("on", false)])
    func aFlagIsSetByThreeWordsOnly(_ value: String, _ isSet: Bool) {
        let made = options(["collect", "x.yaml"], ["SEALIFT_DRY_RUN": value])
        #expect(made.arguments.contains("--dry-run") == isSet)
    }
}
