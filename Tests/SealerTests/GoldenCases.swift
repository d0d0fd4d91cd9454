// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The vectors that the real sealer 0.8.6 made: `Golden/yaml_and_kubefile_cases.json`.
struct GoldenCases: Decodable {
    struct ImageCase: Decodable {
        var yaml: String
        var id: String
    }
    struct KubefileCase: Decodable {
        var kubefile: String
        var yaml: String?
        var error: String?
    }
    struct ScalarCase: Decodable {
        var value: String
        var yaml: String
    }
    var images: [ImageCase]
    var kubefiles: [KubefileCase]
    var yamlScalars: [ScalarCase]

    enum CodingKeys: String, CodingKey {
        case images, kubefiles
        case yamlScalars = "yaml_scalars"
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: Golden.folder.appending(path: name)))
    }

    static func load() throws -> GoldenCases {
        try JSONDecoder().decode(
            GoldenCases.self,
            from: Data(contentsOf: Golden.folder.appending(path: "yaml_and_kubefile_cases.json")))
    }

    /// The `input` of each image case, as compact JSON.
    static func inputs() throws -> [[UInt8]] {
        let all = try JSONSerialization.jsonObject(with: Data(bytes("yaml_and_kubefile_cases.json")))
        let images = (all as? [String: Any])?["images"] as? [[String: Any]] ?? []
        return try images.map { Array(try JSONSerialization.data(withJSONObject: $0["input"] as Any)) }
    }
}
