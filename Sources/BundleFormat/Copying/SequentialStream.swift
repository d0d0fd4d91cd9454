// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The bytes of a bundle's own tar from the first to the last. Each blob is verified on the way, with its header and its
/// padding: what is damaged is thrown before the blob's end is passed on.
struct SequentialStream: ByteStream {
    /// A blob or a tool and where it is, or what is between them.
    private struct Piece {
        let offset: Int64
        let count: Int64
        var part: Bundle.Readable?
    }
    private let bundle: Bundle
    private let pieces: [Piece]
    private var next = 0
    private var current: (any ByteStream)?

    init(_ bundle: Bundle) {
        self.bundle = bundle
        let places = bundle.ownParts.sorted { $0.place.offset < $1.place.offset }
        var pieces: [Piece] = []
        var end: Int64 = 0
        for (place, part) in places {
            pieces.append(Piece(offset: end, count: place.offset - end))
            pieces.append(Piece(offset: place.offset, count: place.size, part: part))
            end = place.offset + place.size
        }
        pieces.append(Piece(offset: end, count: bundle.size - end))
        self.pieces = pieces
    }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while next < pieces.count {
            let piece = pieces[next]
            do throws(Failure) {
                var stream = if let current { current } else { try open(piece) }
                let count = try stream.read(into: buffer)
                current = stream
                if count > 0 { return count }
            } catch {
                throw piece.part.map { bundle.damage(of: $0, error).failure } ?? error
            }
            (current, next) = (nil, next + 1)
        }
        return 0
    }

    private func open(_ piece: Piece) throws(Failure) -> any ByteStream {
        guard let part = piece.part else {
            return bundle.volumes.stream(at: piece.offset, count: piece.count)
        }
        try bundle.checkFrame(of: part)
        return try bundle.stream(of: part)
    }
}
