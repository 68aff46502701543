/** How the picture looks, in light and in dark. */

export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --faint: #6a737d; --line: #d6dbe1; --box: #f5f7f9;
  --done: #2f6fd0; --done-bar: #cfe0f8; --stuck: #c62828; --stuck-bar: #f8cfcf; --later: #8a939d; --later-bar: #e4e8ec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --ink: #e4e7eb; --faint: #98a1ab; --line: #343a41; --box: #1d2126;
    --done: #6ea3f2; --done-bar: #22385a; --stuck: #f07070; --stuck-bar: #5a2222; --later: #858d96; --later-bar: #2b3036;
  }
}
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
code, .label { font-family: ui-monospace, monospace; font-size: 12px; }
code { background: var(--box); border-radius: 3px; overflow-wrap: anywhere; padding: 1px 4px; }
.scroll { border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; padding: 8px 12px; }
.lane { stroke: var(--line); }
.process { fill: var(--faint); font-size: 13px; }
.label { fill: var(--ink); }
.number { fill: var(--paper); font-size: 11px; font-weight: 600; text-anchor: middle; }
.bar { stroke-width: 1.5; } .bar.unknown { stroke-dasharray: 5 4; }
.done .bar { fill: var(--done-bar); stroke: var(--done); } .done circle { fill: var(--done); }
.stuck .bar { fill: var(--stuck-bar); stroke: var(--stuck); stroke-width: 2.5; } .stuck .label { fill: var(--stuck); font-weight: 700; }
.later .bar { fill: var(--later-bar); stroke: var(--later); }
.legend { color: var(--faint); display: flex; flex-wrap: wrap; font-size: 13px; gap: .3rem 1.5rem; list-style: none; padding: 0; }
.swatch { border: 1.5px solid; border-radius: 3px; display: inline-block; height: 10px; margin-right: 6px; width: 22px; }
.swatch.done { background: var(--done-bar); border-color: var(--done); }
.swatch.stuck { background: var(--stuck-bar); border-color: var(--stuck); }
.swatch.later { background: var(--later-bar); border-color: var(--later); }
.swatch.unknown { border-color: var(--later); border-style: dashed; }
table { border-collapse: collapse; } th, td { border-bottom: 1px solid var(--line); padding: 3px 14px 3px 0; text-align: left;
  vertical-align: top; } th { color: var(--faint); font-weight: 500; }
.stops li { color: var(--stuck); }
`;
