"""The style of the page: light and dark, from 360 pixels up, on paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #fcfcfb; --ink: #1c1c21; --muted: #62626b; --grid: #d9d9de;
  --panel: #f2f4f6; --accent: #005f96; --best: #e4f0f8; }
@media (prefers-color-scheme: dark) { :root { --paper: #15161a; --ink: #e7e7ea; --muted: #a0a0aa; --grid: #3a3b42;
  --panel: #1f2127; --accent: #6cb8e8; --best: #1c3343; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.8rem 0 .6rem; padding-top: .7rem; border-top: 1px solid var(--grid); }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
p { margin: .4rem 0; max-width: 46rem; }
.question { font-size: 1.1rem; color: var(--muted); }
.verdict { background: var(--panel); border-left: 4px solid var(--accent); padding: .8rem 1rem; margin: 1.2rem 0;
  border-radius: 0 .4rem .4rem 0; }
.verdict p { max-width: none; } .verdict p:first-child { font-size: 1.08rem; font-weight: 600; }
.verdict ul { margin: .4rem 0 0; padding-left: 1.2rem; }
.caption, figcaption { color: var(--muted); font-size: .86rem; line-height: 1.45; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.2rem 2rem; }
figure { margin: .6rem 0; min-width: 0; max-width: 38rem; } figure svg { width: 100%; height: auto; display: block; }
figure h3 { margin: 0 0 .3rem; } svg text { font-family: inherit; }
.scroll { overflow-x: auto; margin: .5rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid); }
thead th { border-bottom: 2px solid var(--ink); font-weight: 600; vertical-align: bottom; }
thead th.number, thead th.short { white-space: normal; } tbody th { font-weight: inherit; }
.number { text-align: right; white-space: nowrap; } .short { white-space: nowrap; }
th:first-child { position: sticky; left: 0; background: var(--paper); padding-left: 0; }
tr.best > * { background: var(--best); font-weight: 600; } tr.best > th:first-child { padding-left: .35rem; }
td:not(.number):not(.short) { min-width: 14rem; max-width: 30rem; }
.gallery img { width: 8rem; height: auto; image-rendering: pixelated; display: block; }
.gallery td:not(.number):not(.short) { min-width: 0; border: 0; } .gallery th { white-space: normal; border: 0; }
dl { margin: .6rem 0; } dt { font-weight: 600; margin-top: .5rem; } dd { margin: 0; max-width: 46rem; }
pre { background: var(--panel); padding: .7rem .9rem; border-radius: .4rem; white-space: pre-wrap; font-size: .85rem;
  overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--accent); margin: .8rem 0 .3rem; }
footer { margin-top: 3rem; color: var(--muted); font-size: .86rem; }
@media (max-width: 480px) { body { font-size: 15px; } th, td { padding: .25rem .45rem; } h1 { font-size: 1.35rem; }
  tbody th:first-child { white-space: normal; } }
@media print { :root { --paper: #fff; --ink: #000; --muted: #444; --grid: #bbb; --panel: #f4f4f4; --best: #eee; }
  body { max-width: none; font-size: 10pt; padding: 0; } .scroll { overflow: visible; } th:first-child { position:
  static; } figure, tr, .verdict { break-inside: avoid; } h2, h3 { break-after: avoid; }
  details::details-content { content-visibility: visible; } table { font-size: 7.5pt; } }
"""
