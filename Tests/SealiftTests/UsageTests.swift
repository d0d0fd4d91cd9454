// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import OCI
import Testing

@testable import sealift

/// What the command line takes and refuses, and what a refusal says.
@Suite struct UsageTests {
    /// The refusal of these arguments.
    private func refusal(_ arguments: [String]) throws -> Failure {
        do {
            _ = try Sealift.parseAsRoot(arguments)
        } catch let failure as Failure {
            return failure
        } catch {
            #expect(Sealift.exitCode(for: error) == .validationFailure, "\(arguments)")
            return Sealift.usageFailure(error, arguments: arguments)
        }
        Issue.record("\(arguments) is taken")
        throw CancellationError()
    }

    @Test(arguments: [
        ("colect x.yaml", "did you mean 'collect'?"), ("x", "is not a command"),
        ("store chek", "did you mean 'check'?"), ("completion zsh", "--generate-completion-script"),
        ("collect x.yaml --platfrom a/b", "; did you mean '--platform'?"),
        ("collect", "spec"), ("collect a b", "b"), ("collect x.yaml --jobs 0", "1 to 64"),
        ("collect x.yaml --jobs 65", "1 to 64"), ("collect x.yaml --jobs x", "jobs"),
        ("collect x.yaml --job 4", "--job"), ("collect x.yaml --volume-size 4XB", "4XB"),
        ("collect x.yaml --platform linux", "linux"), ("collect x.yaml -qv", "exclude"),
        ("collect x.yaml --mirror a", "mirror"), ("collect x.yaml --client-key k", "--client-cert"),
        ("apply", "bundle"), ("apply x --build-arg =v", "NAME=VALUE"),
        ("apply x --sealer /s", "--builder sealer"),
        ("apply x --output tar", "oci-archive"), ("apply x --builder docker", "docker"),
        ("verify x --key", "key"), ("push x", "--to"), ("serve", "bundle"), ("--nonsense", "--nonsense"),
    ]) func aRefusalSaysWhatIsWrong(_ line: String, _ word: String) throws {
        let arguments = line.split(separator: " ").map(String.init)
        let failure = try refusal(arguments)
        #expect(failure.kind == .usage && failure.kind.exitCode == 64)
        #expect("\(failure)".lowercased().contains(word.lowercased()), "\(failure)")
        #expect(failure.remedy.contains("--help`"), "\(failure)")
        #expect(failure.artifact.hasPrefix("sealift"))
        #expect(failure.reason.first?.isUppercase == false, "\(failure)")
    }

    /// Only the arguments are read: nothing that they name has to be there.
    @Test(arguments: [
        "collect x.yaml --jobs 64 --jobs-per-host 1 --mirror docker.io=m:5000 --mirror https://a=https://b -q",
        "collect x.yaml --volume-size 4.7GB --platform linux/amd64 --platform linux/arm64/v8",
        "apply x.sealift --build-arg A= --build-arg B=a=b --output oci-archive:/out --builder sealer --sealer /s",
        "apply --rollback", "verify x --json", "store check --store /s", "store", "inspect x --layers",
        "lock x.yaml --update", "lock x.yaml --update docker.io/a:1",
        "export x a:1 -o f --format oci-archive",
        "serve a b --listen 127.0.0.1:0", "push x --to registry.example/p --only a/* --jobs 2",
        "diff a b --json",
    ]) func theseAreTaken(_ line: String) throws {
        _ = try Sealift.parseAsRoot(line.split(separator: " ").map(String.init))
    }

    @Test(
        arguments: [
            ("docker.io=mirror:5000/hub", ("docker.io", "mirror:5000/hub", false)),
            ("https://a.example=https://b/x?k=v", ("https://a.example", "https://b/x?k=v", true)),
            ("a=b", ("a", "b", false)), ("=b", nil), ("a=", nil), ("a", nil), ("", nil),
        ] as [(String, (from: String, to: String, isOfFiles: Bool)?)])
    func mirrorsAreSplitAtTheFirstSign(_ text: String, _ wanted: (from: String, to: String, isOfFiles: Bool)?)
    {
        let mirror = NetworkOptions.Mirror(argument: text)
        #expect(mirror?.from == wanted?.from && mirror?.to == wanted?.to)
        #expect(mirror?.isOfFiles == wanted?.isOfFiles)
    }

    @Test(arguments: [
        (["-q"], true, false), (["--quiet"], true, false), (["-vq"], true, true), (["-v", "x"], false, true),
        (["--", "-q"], false, false), (["-o", "-"], false, false), (["--quite"], false, false),
        (["-qo"], false, false),
        (["--verbose", "-q"], true, true), ([], false, false),
    ]) func quietAndVerboseAreSeenBeforeAnyCommand(_ arguments: [String], _ isQuiet: Bool, _ isVerbose: Bool)
    {
        #expect(OutputOptions.isGiven("quiet", in: arguments) == isQuiet)
        #expect(OutputOptions.isGiven("verbose", in: arguments) == isVerbose)
    }
}
