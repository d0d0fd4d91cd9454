// SPDX-License-Identifier: Apache-2.0
internal import OCI

extension Failure.Kind {
    /// The exit code of this class of failures, by sysexits(3). This is the only place that maps them.
    var exitCode: Int32 {
        switch self {
        case .usage: 64
        case .data: 65
        case .input: 66
        case .unavailable: 69
        case .fault: 70
        case .space: 73
        case .io: 74
        case .busy: 75
        case .denied: 77
        case .configuration: 78
        }
    }
}
