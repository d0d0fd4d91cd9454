// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import sealift

/// What a progress shows on terminals of any size and in logs.
@Suite struct ProgressLinesTests {
    func state(_ parts: Int = 0, total: Int64? = 1 << 30, done: Int64 = 1 << 28, speed: Int64 = 1 << 20)
        -> Progress.State
    {
        var state = Progress.State(verb: "fetch", total: total, done: done, skipped: 0)
        state.speed = speed
        for number in 0..<parts {
            state.parts["registry.example/a/rather/long/name-\(number):v1.2.3 sha256:0123456789ab"] =
                Progress.State.Part(done: Int64(number), total: 100)
        }
        return state
    }

    @Test(arguments: [21, 40, 80, 200])
    func noLineIsWiderThanTheTerminal(_ width: Int) {
        for height in [4, 10, 50] {
            for parts in [0, 1, 8, 100] {
                let lines = ProgressRenderer(state(parts)).drawn(width: width, height: height)
                #expect(lines.allSatisfy { $0.count < width }, "\(width)×\(height): \(lines)")
                #expect(lines.count <= max(height, 3), "\(width)×\(height): \(lines.count) lines")
                #expect(lines[0].contains("25%"))
            }
        }
    }

    @Test func aWideTerminalShowsSpeedAndTimeLeft() {
        let line = ProgressRenderer(state()).drawn(width: 120, height: 24)[0]
        #expect(line.contains("256 MiB of 1.0 GiB"))
        #expect(line.contains("1.0 MiB/s"))
        #expect(line.contains("12:48 left"))
    }

    @Test func controlCharactersOfNamesAreEscaped() {
        var state = state()
        state.parts["evil\u{1B}[2J\u{202E}name"] = Progress.State.Part(done: 1, total: 2)
        for line in ProgressRenderer(state).drawn(width: 100, height: 24) {
            #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
        }
    }

    @Test func withoutATotalThereIsNoPercentage() {
        let lines = ProgressRenderer(state(total: nil))
        #expect(!lines.log.contains("%"))
        #expect(lines.event.total == nil && lines.event.secondsLeft == nil)
    }

    @Test func moreThanTheTotalIsNotMoreThanAll() {
        let line = ProgressRenderer(state(total: 100, done: 250, speed: 10)).drawn(width: 100, height: 24)[0]
        #expect(line.contains("100%"))
        #expect(ProgressRenderer(state(total: 100, done: 250, speed: 10)).event.secondsLeft == 0)
        #expect(ProgressRenderer(state(total: 0, done: 0, speed: 0)).log.contains("100%"))
    }

    @Test func theLongestWaitIsLogged() {
        var state = state(2)
        for (name, seconds) in zip(state.parts.keys.sorted(), [5, 30]) {
            state.parts[name]?.reason = "waits \(seconds)"
            state.parts[name]?.until = .now + .seconds(seconds)
        }
        #expect(ProgressRenderer(state).log.contains("waits 30, 0:30 to wait"))
    }

    @Test func speedIsThatOfTheLastSeconds() {
        var state = state(done: 0, speed: 0)
        let start = ContinuousClock.now
        for second in 0..<20 {
            state.done = Int64(second) * 1000
            state.measure(start + .seconds(second))
        }
        #expect(state.speed == 1000)
        state.done = 0
        state.measure(start + .seconds(21))
        #expect(state.speed == 0, "a restart is not a negative speed")
    }
}
