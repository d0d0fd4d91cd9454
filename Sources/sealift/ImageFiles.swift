// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import FoundationEssentials
internal import Glibc
internal import YAML
internal import OCI
internal import Spec

/// The files that may name images: given ones, those of folders, and standard input.
struct ImageFiles {
    /// A file and its content.
    struct Found {
        let path: String
        let bytes: [UInt8]
        /// Whether it was found in a folder, not named.
        var isInFolder = false
        /// Whether it is an archive, which only a packed chart may be.
        var isPacked = false
    }
    private let paths: [String]
    private static let endings = [".yaml", ".yml", ".json"]
    /// The largest text, which is held in memory as a whole: 256 MiB.
    private static let largest = 256 << 20
    /// The largest packed chart: 64 MiB.
    private static let largestChart = 64 << 20
    /// So many lines that only Helm understands are shown of a chart.
    private static let mostLines = 20

    /// - Parameter paths: files, folders, and `-` for standard input.
    init(_ paths: [String]) { self.paths = paths }

    /// Reads them one after another: of folders all YAML and JSON files and all that are called imageList, at any
    /// depth, in the order of their names; what is hidden, and symbolic links, left out. Blocking.
    func forEach(_ body: (Found) throws(Failure) -> Void) throws(Failure) {
        for path in paths {
            if path == "-" {
                let bytes = try Self.standardInput()
                let form = BinaryForm(bytes[...])
                if let form, form != .gzip { throw form.failure(reading: "standard input") }
                try body(Found(path: "<stdin>", bytes: bytes, isPacked: form != nil))
            } else {
                for file in try Self.files(at: path) {
                    let opened = try File.open(file)
                    let isPacked = try opened.binaryForm() == .gzip
                    let bytes =
                        isPacked
                        ? try opened.bytes(limit: Self.largestChart) : try opened.text(limit: Self.largest)
                    try body(Found(path: file, bytes: bytes, isInFolder: file != path, isPacked: isPacked))
                }
            }
        }
    }

    /// The images of a packed chart, read without Helm, those of each of its files; reports by which means, and what is
    /// not known.
    static func scans(ofChart file: Found) throws(Failure) -> [ImageScan] {
        let chart = try chart(file)
        var found: [String: [(Reference, Int)]] = [:]
        for (text, place) in chart.images {
            do throws(Failure) {
                found[place.file, default: []].append((try Reference(text), place.line))
            } catch {
                Console.say("\(place): '\(text)' is no image reference: \(error.reason)")
            }
        }
        Console.say(
            "\(file.path) is a packed chart; its images are by \(chart.source.rawValue), and `helm template \(file.path) | sealift images -` lists what Helm makes of it"
        )
        for (text, place) in chart.unknown.prefix(mostLines) {
            Console.say("\(place): '\(text)' may name an image, which only Helm can tell")
        }
        if chart.unknown.count > mostLines {
            Console.say("and \(chart.unknown.count - mostLines) more such lines")
        }
        return found.sorted { $0.key < $1.key }.map { .found($0.value, inFileAt: $0.key) }
    }

    /// Reads a packed chart.
    /// - Throws: a ``Failure`` of kind `data` for an archive of something else.
    static func chart(_ file: Found) throws(Failure) -> ChartReading {
        do { return try ChartReading(packed: file.bytes, path: file.path, values: []) } catch {
            throw Failure(
                .data, "read the images of", file.path,
                because: "it is \(BinaryForm.gzip.rawValue), and no packed chart: \(error.reason)",
                remedy: "unpack it, and name the files in it that name images")
        }
    }

    /// Finds the images of a file: of an imageList where nothing in it looks like YAML. Reports what is in the
    /// place of one and names none.
    /// - Parameter known: the images that count wherever they are named.
    static func scan(_ file: Found, known: CarriedImages = CarriedImages()) throws(Failure) -> ImageScan {
        if let (scan, list) = try ForeignList.scan(file.bytes, path: file.path) {
            Console.say(
                "\(file.path) is \(list.form.rawValue); `sealift import \(file.path)` makes a spec of it")
            return scan
        }
        let scan: ImageScan =
            isYAML(file.path) || ForeignList.looksLikeYAML(file.bytes)
            ? try .yaml(file.bytes, path: file.path, known: known)
            : try .imageList(file.bytes, path: file.path)
        for value in scan.unreadable {
            Console.say(
                "\(file.path):\(value.position): '\(value.text)' is no image reference: \(value.reason)")
        }
        return scan
    }

    /// Whether a file that is not YAML is a template: one of a folder, with actions of Go's templates in it.
    /// - Parameter anywhere: also outside of a chart's `templates`.
    static func isTemplate(_ file: Found, anywhere: Bool) -> Bool {
        guard file.isInFolder, SourceText.holds("{{", in: file.bytes) else { return false }
        if anywhere { return true }
        guard let folder = file.path.firstRange(of: "/templates/") else { return false }
        return FileManager.default.fileExists(atPath: file.path[..<folder.lowerBound] + "/Chart.yaml")
    }

    /// Says that a template is passed over.
    static func reportTemplate(_ path: String) {
        Console.say(
            "\(path): passed over, as it is a template; `helm template CHART | sealift images -` lists its images"
        )
    }

    private static func files(at path: String) throws(Failure) -> [String] {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder else {
            return [path]
        }
        let names: [String]
        do { names = try FileManager.default.subpathsOfDirectory(atPath: path) } catch {
            throw Failure(
                .denied, "look into the folder", path, because: "it cannot be listed",
                remedy: "check its owner and mode")
        }
        return names.filter { name in
            (isYAML(name) || name == "imageList" || name.hasSuffix("/imageList"))
                && !name.hasPrefix(".") && !name.contains("/.") && isFile("\(path)/\(name)")
        }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(path)/\($0)" }
    }

    /// Whether the name of a file ends like one of YAML or JSON.
    private static func isYAML(_ name: String) -> Bool {
        endings.contains(where: name.lowercased().hasSuffix)
    }

    /// Whether it is a file itself; of a link that is passed over it says so.
    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return false }
        if status.st_mode & S_IFMT == S_IFLNK {
            Console.say("\(path): passed over, as it is a symbolic link; name the file itself")
        }
        return status.st_mode & S_IFMT == S_IFREG
    }

    private static func standardInput() throws(Failure) -> [UInt8] {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while all.count <= largest {
            let count = read(STDIN_FILENO, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure.system("read", artifact: "standard input") }
            if count == 0 { return all }
            all += piece[..<count]
        }
        throw Failure(
            .data, "read", "standard input", because: "it has more than \(largest) bytes",
            remedy: "give it in parts")
    }
}
