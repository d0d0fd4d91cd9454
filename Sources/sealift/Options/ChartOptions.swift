// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// How the images of charts are found.
struct ChartOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The helm that renders charts to learn their images. (default: helm in PATH; without one, what charts say themselves)",
            valueName: "path"), completion: .file())
    var helm: String?
}
