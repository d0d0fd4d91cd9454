// SPDX-License-Identifier: Apache-2.0

/// The look that all pages share. Colours have a contrast of at least 4.5 to their ground in both schemes.
enum PageStyle {
    static let shared = """
        :root { color-scheme: light dark; --line: #d8dee4; --soft: #57606a; --ground: #fff; --card: #f6f8fa;
          --text: #1f2328; --link: #0757a8; --warn: #fff4ce; --warn-line: #d4a72c; --mark: #0969da; }
        @media (prefers-color-scheme: dark) { :root { --line: #30363d; --soft: #9aa4af; --ground: #0d1117;
          --card: #161b22; --text: #e6edf3; --link: #6cb0ff; --warn: #2f2706; --warn-line: #9e6a03; --mark: #4493f8; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--text);
          font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
        main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
        h1 { font-size: 1.75rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
        h2 { font-size: 1.25rem; margin: 2.25rem 0 .75rem; }
        h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
        header p { margin: .25rem 0 1rem; } .soft, dt, th { color: var(--soft); font-weight: 400; }
        a { color: var(--link); }
        dl { margin: .5rem 0; } dl div { display: flex; gap: .75rem; }
        dt { flex: 0 0 6.5rem; } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
        code, pre { font: .875em/1.6 ui-monospace, "DejaVu Sans Mono", monospace; }
        pre { position: relative; background: var(--card); border: 1px solid var(--line); border-radius: 6px;
          padding: .5rem .75rem; margin: .5rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
        pre.copy.ready { padding-right: 5rem; }
        button { font: .8125rem/1.5 system-ui, "DejaVu Sans", sans-serif; color: var(--text); background: var(--ground);
          border: 1px solid var(--line); border-radius: 6px; padding: 0 .5rem; cursor: pointer; }
        button:hover { border-color: var(--mark); } pre button { position: absolute; top: .4rem; right: .4rem; }
        :focus-visible { outline: 2px solid var(--mark); outline-offset: 1px; }
        table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
        th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
          vertical-align: top; overflow-wrap: anywhere; }
        td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
        details { border-bottom: 1px solid var(--line); } details[open] { padding-bottom: .75rem; }
        summary { padding: .5rem 0; cursor: pointer; display: flex; flex-wrap: wrap; gap: 0 .75rem; list-style: none; }
        summary::-webkit-details-marker { display: none; }
        summary::before { content: "\u{25B8}"; color: var(--soft); }
        details[open] > summary::before { content: "\u{25BE}"; }
        summary > :first-child { flex: 1 1 16rem; min-width: 0; overflow-wrap: anywhere; }
        summary > .size { min-width: 5rem; text-align: right; font-variant-numeric: tabular-nums; }
        details > :not(summary) { margin-left: 1.4rem; } details > ul { margin-top: 0; }
        .search { position: sticky; top: 0; z-index: 1; background: var(--ground); padding: .5rem 0; margin: 0; }
        .search input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
          border-radius: 6px; padding: .375rem .75rem; width: min(100%, 28rem); }
        .warning { background: var(--warn); border: 1px solid var(--warn-line); border-radius: 8px; padding: .75rem 1rem; }
        footer { margin-top: 2.5rem; border-top: 1px solid var(--line); }
        [hidden] { display: none !important; }
        @media (max-width: 32rem) { main { padding: 1.25rem .75rem 2rem; }
          details > :not(summary) { margin-left: 0; } summary > :first-child { flex-basis: 10rem; } }
        @media print { .search, button { display: none; } }

        """
}
