// SPDX-License-Identifier: Apache-2.0
import OCI
import TestSupport
import Testing

@testable import Build
@testable import Sealer

@Suite struct ImageScanTests {
    @Test func findsWhatSealerFinds() throws {
        let scratch = try Scratch()
        try put("old/one:v1\n", at: "manifests/imageList", below: scratch("1"))
        try put("image: kept/below:v1 # why\n", at: "manifests/sub/kept.yaml", below: scratch("1"))
        try put("image: not/scanned:v1\n", at: "etc/x.yaml", below: scratch("1"))
        try put("#no\n a/b:v1 \r\n\"c/d:v2\"\n'e/f:v3'\n\n", at: "manifests/imageList", below: scratch("2"))
        try put(
            """
            apiVersion: v1
              - image: "g/h:v4"   # a comment
                myimage: 'i/j@x:v5'
            # image: k/l:v6
                "image": sea.hub:5000/m/n:v7
                image:
                  repository: x
                images: o/p:v8
                image: {{ .Values.image }}
            """, at: "manifests/z.TMPL", below: scratch("2"))
        try put("image: q/r:v9\n", at: "manifests/readme.md", below: scratch("2"))
        for name in ["Chart.yaml", "values.yaml"] {
            try put("image: no\n", at: "charts/app/\(name)", below: scratch("2"))
        }
        try put(
            "image: s/t:v10\nimage: \"{{ .x }}:{{ .y }}\"\n", at: "charts/app/templates/d.yaml",
            below: scratch("2"))
        try put("image: u/v:v11\n", at: "charts/none/templates/d.yaml", below: scratch("2"))
        let scan = try BuildImageScan(layers: [
            FileNode.scanned(scratch("1")), FileNode.scanned(scratch("2")),
        ])
        #expect(
            scan.mentions.map { "\($0.place) \($0.text)" } == [
                "manifests/imageList:2 a/b:v1", "manifests/imageList:3 c/d:v2",
                "manifests/imageList:4 e/f:v3",
                "manifests/sub/kept.yaml:1 kept/below:v1", "manifests/z.TMPL:2 g/h:v4",
                "manifests/z.TMPL:3 i/j@x:v5",
                "manifests/z.TMPL:5 sea.hub:5000/m/n:v7", "charts/app/templates/d.yaml:1 s/t:v10",
            ])
        #expect(scan.templated.map(\.place) == ["manifests/z.TMPL:9", "charts/app/templates/d.yaml:2"])
    }

    @Test func chartsAreReadWithTheirOwnValues() throws {
        let scratch = try Scratch()
        let chart = "charts/app"
        try put(
            """
            image: { repository: quay.io/a/app, tag: "", pullPolicy: Always }
            proxy:
              image: b/proxy
              tag: v7
            number: 1.20
            metrics: { enabled: false, image: c/metrics:v1 }
            """, at: "\(chart)/values.yaml", below: scratch.path)
        try put(
            "name: app\nappVersion: v2\nkubeVersion: '>=1.19'\n", at: "\(chart)/Chart.yaml",
            below: scratch.path)
        try put(
            """
            image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
            image: {{ printf "%s:%s" .Values.proxy.image .Values.proxy.tag | quote }}
            image: "{{- $.Values.proxy.image -}}:{{ default "x" .Values.none }}"
            image: {{ (default "d/e" .Values.none) | trim }}:v9 # why
            image: f/g:{{ .Values.number }}
            image: {{ include "app.image" . }}
            image: {{ tpl .Values.proxy.image . }}
            imagePullPolicy: {{ .Values.image.pullPolicy }}
            {{- if .Values.metrics.enabled }}
              {{- range .Values.list }}
              image: {{ .image }}
              {{- end }}
              image: {{ .Values.metrics.image }}
            {{- end }}
            image: h/i:v1
            """, at: "\(chart)/templates/sub/d.yaml", below: scratch.path)
        let scan = try BuildImageScan(layers: [FileNode.scanned(scratch.path)])
        #expect(
            scan.mentions.map { "\($0.line) \($0.text)\($0.isCertain ? "" : " ?")" } == [
                "1 quay.io/a/app:v2", "2 b/proxy:v7", "3 b/proxy:x", "4 d/e:v9", "13 c/metrics:v1 ?",
                "15 h/i:v1",
            ])
        #expect(scan.templated.map(\.line) == [5, 6, 7, 11])
        #expect(scan.kubeVersion == ">=1.19")
    }

    @Test func chartsWithinChartsTakeTheValuesAbove() throws {
        func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
        let template = "image: a/b:{{ .Values.tag }}-{{ .Values.global.zone }}-{{ .Values.own }}\n"
        let reading = try ChartReading(
            files: [
                ("web/Chart.yaml", bytes("name: web\nversion: 1.2.3\n")),
                ("web/values.yaml", bytes("global: { zone: z1 }\ndb: { tag: v1, own: null }\n")),
                ("web/charts/db/Chart.yaml", bytes("name: db\n")),
                ("web/charts/db/values.yaml", bytes("tag: v0\nown: x\nglobal: { zone: z0 }\n")),
                ("web/charts/db/templates/a.yaml", bytes(template)),
                ("web/charts/db/charts/in/Chart.yaml", bytes("name: in\n")),
                ("web/charts/db/charts/in/templates/a.yaml", bytes(template)),
            ], path: "web",
            values: [bytes("db: { tag: v1 }\n"), bytes("db: { tag: v2, in: { tag: v3, own: y } }\n")])
        #expect(reading.images.map(\.text) == ["a/b:v3-z1-y"])
        #expect(reading.unknown.map(\.place.description) == ["web/charts/db/templates/a.yaml:1"])
        #expect((reading.name, reading.version) == ("web", "1.2.3"))
        #expect(throws: Failure.self) {
            try ChartReading(files: [("web/values.yaml", [])], path: "web", values: [])
        }
    }

    @Test func imagesInBracesAreFound() throws {
        let pod = """
            containers: [{name: a, image: 'q.io/a/one:1'}, { "image": "q.io/a/two:2", args: ["x, y"] }]
            initContainers: # {image: q.io/a/comment:1}
            - {image: q.io/a/three:3}
            args: ["{imagePullPolicy: Always}"]
            """
        let files = [("web/Chart.yaml", "name: web\nversion: 1\n"), ("web/templates/pod.yaml", pod)]
        let reading = try ChartReading(
            files: files.map { ($0, Array($1.utf8)) }, path: "web", values: [])
        #expect(reading.images.map(\.text) == ["q.io/a/one:1", "q.io/a/two:2", "q.io/a/three:3"])
        #expect(reading.unknown.isEmpty)
    }

    /// As many values as lines that ask for them, and as many charts as may be.
    @Test(.timeLimit(.minutes(2))) func largeChartsAreReadOnce() throws {
        func read(_ files: [(String, String)]) throws -> ChartReading {
            let files = [("web/Chart.yaml", "name: web\nversion: 1.0.0\n")] + files
            return try ChartReading(files: files.map { ($0, Array($1.utf8)) }, path: "web", values: [])
        }
        let numbers = 0..<20_000
        let large = try read([
            ("web/values.yaml", numbers.map { "v\($0): a/b:\($0)\n" }.joined()),
            ("web/templates/a.yaml", numbers.map { "image: {{ .Values.v\($0) }}\n" }.joined()),
        ])
        #expect(large.images.map(\.text) == numbers.map { "a/b:\($0)" })
        let parts = (0..<1500).flatMap { number in
            [("Chart.yaml", "name: p\(number)\n"), ("templates/a.yaml", "image: a/b:\(number)\n")]
                .map { ("web/charts/p\(number)/\($0)", $1) }
        }
        #expect(try read(parts).images.count == 1500)
        let refused = #expect(throws: Failure.self) {
            try read((0..<2000).map { ("web/charts/p\($0)/Chart.yaml", "name: p\n") })
        }
        #expect(refused?.reason.contains("2001") == true, "\(refused as Any)")
    }

    /// Each part takes the global values of all once more: what memory is not for is left to Helm.
    @Test func valuesThatPartsHaveOnceMoreAreBounded() throws {
        let keys = (0..<30_000).map { "    k\($0): v\n" }.joined()
        var files = [
            ("web/Chart.yaml", "name: web\nversion: 1.0.0\n"),
            ("web/values.yaml", "global:\n  deep:\n\(keys)"),
        ]
        for number in 10..<50 {
            files += [
                ("web/charts/p\(number)/Chart.yaml", "name: p\(number)\n"),
                ("web/charts/p\(number)/values.yaml", "tag: v1\nglobal: { deep: { own: x } }\n"),
                ("web/charts/p\(number)/templates/a.yaml", "image: a/b:{{ .Values.tag }}\n"),
            ]
        }
        let reading = try ChartReading(files: files.map { ($0, Array($1.utf8)) }, path: "web", values: [])
        let count = reading.images.count { $0.text == "a/b:v1" }
        #expect((20..<40).contains(count), "\(count)")
        // What is beyond the bound is listed as not known.
        #expect(reading.images.count + reading.unknown.count >= 40)
    }

    @Test func helpersBlocksAndValuesAreNamedAsUnknown() throws {
        let files = [
            "Chart.yaml": "name: web\nversion: 1.0.0\n",
            "values.yaml": "image: {registry: q.io, repository: a/web, tag: ''}\n"
                + "side: {image: {repository: q.io/a/side, tag: v1}}\n",
            "templates/_helpers.tpl": """
            {{/*
            image: q.io/a/comment:1 {{ include "web.image" . }}
            */}}
            {{- define "web.pod" -}}
            image: {{ include "web.image" . }}
            {{- end }}
            """,
            "templates/pod.yaml": """
            initImage: {{ .Values.init | default "q.io/a/init:v1" }}
            image: >-
              {{ include "web.side" . }}
            image:
              {{- include "web.map" . | nindent 2 }}
            args: ["--x", "--side={{ template "web.image" . }}"]
            imagePullPolicy: {{ .Values.image.pullPolicy }}
            version: {{ .Values.image.tag }}
            {{- $image := .Values.image }}
            image: {{ .Values.none }}
            """,
            "templates/NOTES.txt": "image: {{ include \"web.image\" . }}\n",
        ]
        let reading = try ChartReading(
            files: files.sorted { $0.key < $1.key }.map { ("web/" + $0.key, Array($0.value.utf8)) },
            path: "web", values: [])
        #expect(reading.images.isEmpty)
        #expect(
            Set(reading.unknown.map(\.place.description)) == [
                "web/templates/_helpers.tpl:5", "web/templates/pod.yaml:2", "web/templates/pod.yaml:4",
                "web/templates/pod.yaml:6", "web/templates/pod.yaml:10", "web/values.yaml:1",
                "web/values.yaml:2", "web/templates/pod.yaml:1",
            ], "\(reading.unknown)")
        #expect(reading.unknown.contains { $0.text == "q.io/a/web" })
    }

    @Test func packedChartsAndTheirListsAreRead() throws {
        let scratch = try Scratch()
        let (chart, inner) = ("work/app", "work/app/charts/sub")
        try put(
            """
            name: app
            annotations:
              artifacthub.io/images: |
                - name: x
                  image: a/listed:v1
            """, at: "\(chart)/Chart.yaml", below: scratch.path)
        try put("tag: v3\n", at: "\(chart)/values.yaml", below: scratch.path)
        try put(
            "image: a/app:{{ .Values.tag }}\nimage: {{ tpl .x . }}\n", at: "\(chart)/templates/d.yaml",
            below: scratch.path)
        try put("name: sub\n", at: "\(inner)/Chart.yaml", below: scratch.path)
        try put("{}\n", at: "\(inner)/values.yaml", below: scratch.path)
        try put("image: a/sub:v1\n", at: "\(inner)/templates/d.yaml", below: scratch.path)
        try put("images: [{name: x, image: a/locked:v1}]\n", at: "\(inner)/Images.lock", below: scratch.path)
        try put("no archive", at: "root/charts/broken.tgz", below: scratch.path)
        try Golden.run(
            "tar", "-C", scratch("\(chart)/charts"), "-czf", scratch("\(chart)/charts/sub-1.tgz"), "sub")
        try Golden.run("rm", "-r", scratch(inner))
        try Golden.run("tar", "-C", scratch("work"), "-czf", scratch("root/charts/app-1.tgz"), "app")
        let scan = try BuildImageScan(layers: [FileNode.scanned(scratch("root"))])
        #expect(Set(scan.mentions.map(\.text)) == ["a/app:v3", "a/sub:v1", "a/listed:v1", "a/locked:v1"])
        #expect(scan.mentions.allSatisfy { !$0.isCertain && $0.isListed })
        #expect(
            scan.kubeVersion == nil && scan.unread.count == 1
                && scan.unread[0].hasPrefix("charts/broken.tgz: "))
        #expect(
            scan.certainty.sorted() == [
                "charts/app-1.tgz/app/charts/sub-1.tgz/sub: 2 images by its Images.lock; all of its lines are understood",
                "charts/app-1.tgz/app: 4 images by its annotation artifacthub.io/images; unknown in lines 2",
            ])
    }

    @Test func whatALaterLayerDeletesIsNotScanned() throws {
        guard isRoot else { return }
        let scratch = try Scratch()
        for name in ["a", "b/c", "b/d"] {
            try put("image: x/\(name.last!):v1\n", at: "manifests/\(name).yaml", below: scratch("1"))
        }
        try put("image: x/new:v1\n", at: "manifests/b/e.yaml", below: scratch("2"))
        try Golden.run("mknod", scratch("2/manifests/a.yaml"), "c", "0", "0")
        try Folder.open(scratch("2/manifests/b")).setAttribute(
            "trusted.overlay.opaque", to: [UInt8(ascii: "y")])
        #expect(
            try BuildImageScan(layers: [FileNode.scanned(scratch("1")), FileNode.scanned(scratch("2"))])
                .mentions.map(\.text) == ["x/new:v1"])
    }

    @Test func nothingToScanIsNoError() throws {
        let scratch = try Scratch()
        try put("x", at: "manifests", below: scratch.path)
        #expect(try BuildImageScan(layers: [FileNode.scanned(scratch.path)]).mentions == [])
        #expect(try BuildImageScan(layers: []).mentions == [])
    }
}
