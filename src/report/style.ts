const light = `
  --paper: #fdfdfc; --card: #ffffff; --ink: #1b1c1f; --faint: #62656d; --rule: #e4e4e0; --best: #e5f2ea;
  --series-0: #2563c4; --series-1: #d1590a; --series-2: #0c8564; --series-3: #9147b8;
  --series-4: #b8890b; --series-5: #c8326d; --series-6: #3b8ea5; --series-7: #6b6f76;
  --heat-zero: #f4f3ef; --heat-high: #10458f; --heat-low: #a83c06; --on-heat: #ffffff;`;

const dark = `
  --paper: #131417; --card: #1a1c20; --ink: #e9e9e6; --faint: #9da1a9; --rule: #30333a; --best: #1d3a2c;
  --series-0: #74a8f7; --series-1: #f19a5b; --series-2: #4cc49e; --series-3: #c797e4;
  --series-4: #dfb843; --series-5: #f07fa9; --series-6: #74c3d8; --series-7: #a5a9b1;
  --heat-zero: #26282d; --heat-high: #9cc3ff; --heat-low: #ffb07c; --on-heat: #101114;`;

/** The style of a page: one column, light or dark as the reader's screen is, always light on paper. */
export const style = `
:root { color-scheme: light dark; ${light} }
@media screen and (prefers-color-scheme: dark) { :root { ${dark} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 3.5rem 1.25rem 5rem; overflow-wrap: break-word; }
h1 { font-size: 2.1rem; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 0.75rem; text-wrap: balance; }
.summary { font-size: 1.15rem; color: var(--faint); margin: 0; max-width: 42rem; text-wrap: pretty; }
h2 { font-size: 1.3rem; letter-spacing: -0.01em; margin: 3.25rem 0 0.5rem; }
section > p { max-width: 42rem; text-wrap: pretty; }
figure { margin: 1.5rem 0; padding: 1.1rem 1.25rem; background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; overflow-x: auto; }
figcaption, caption { font-weight: 600; text-align: left; margin-bottom: 0.6rem; }
svg.plot { --plot-background: var(--card); display: block; max-width: 100%; height: auto; font-size: 12px; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.25rem; list-style: none; margin: 0 0 0.5rem; padding: 0;
  font-size: 0.85rem; color: var(--faint); }
.legend i { display: inline-block; width: 0.8rem; height: 0.8rem; border-radius: 3px; margin-right: 0.45rem;
  vertical-align: -0.08rem; }
.maps { display: flex; flex-wrap: wrap; gap: 0.75rem 1.5rem; align-items: flex-start; }
h4 { font-size: 0.85rem; font-weight: 500; color: var(--faint); margin: 0; }
.scale { display: flex; flex-wrap: wrap; gap: 0.75rem; font-size: 0.8rem; color: var(--faint); margin-top: 0.75rem; }
.scale div { width: 14rem; }
.scale i { display: block; height: 0.7rem; border-radius: 3px; margin-top: 0.3rem; }
.scale p { display: flex; justify-content: space-between; margin: 0.1rem 0 0; font-variant-numeric: tabular-nums; }
.table { position: relative; overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; min-width: 60%; font-size: 0.93rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.45rem 1.1rem 0.45rem 0.6rem; text-align: left; vertical-align: baseline; }
.number { text-align: right; padding: 0.45rem 0.6rem 0.45rem 1.1rem; white-space: nowrap; }
thead .number { white-space: normal; }
.prose { min-width: 15rem; }
thead th { vertical-align: bottom; font-weight: 500; color: var(--faint); border-bottom: 2px solid var(--rule); }
tbody th { font-weight: 500; }
tbody tr { border-bottom: 1px solid var(--rule); }
td strong { background: var(--best); border-radius: 4px; padding: 0.1rem 0.4rem; margin-right: -0.4rem; }
small { color: var(--faint); font-weight: 400; margin-left: 0.35rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media screen and (max-width: 40rem) { svg.plot { max-width: none; } } /* read by scrolling, not by guessing */
@media print {
  body { font-size: 11pt; background: none; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { padding: 0; max-width: none; }
  figure, tr { break-inside: avoid; }
  figure, .table { overflow: visible; }
  h2 { break-after: avoid; }
}
`;

/** The style of a figure by itself. */
export const pictureStyle = `
svg { ${light} --plot-background: var(--card); background: var(--card); color: var(--ink); font: 12px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { svg { ${dark} } }
`;
