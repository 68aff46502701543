/** Markdown, as far as its checks need it: fenced blocks, links, inline code and headings. */

export interface Fence {
  /** The words after the backticks: `ts`, `ts run`, `sh`, … */
  readonly info: readonly string[];
  readonly text: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
}

/** A piece of text with the line it stands on. */
export interface Located {
  readonly text: string;
  readonly line: number;
}

export interface Page {
  readonly fences: readonly Fence[];
  /** The targets of `[links](target)`. */
  readonly links: readonly Located[];
  /** What stands between single backticks. */
  readonly codes: readonly Located[];
  /** The anchors that headings make. */
  readonly anchors: ReadonlySet<string>;
}

export function parseMarkdown(text: string): Page {
  const fences: Fence[] = [];
  const links: Located[] = [];
  const codes: Located[] = [];
  const anchors = new Set<string>();
  let open: { info: string[]; lines: string[]; line: number } | null = null;
  text.split("\n").forEach((content, index) => {
    const line = index + 1;
    const fence = /^\s*```(.*)$/.exec(content);
    if (fence !== null && open === null) {
      open = { info: (fence[1] ?? "").trim().split(/\s+/), lines: [], line };
    } else if (fence !== null && open !== null) {
      fences.push({ info: open.info, text: open.lines.join("\n"), line: open.line });
      open = null;
    } else if (open !== null) {
      open.lines.push(content);
    } else {
      const prose = content.replace(/`([^`]+)`/g, (_, code: string) => {
        codes.push({ text: code, line });
        return "";
      });
      for (const [, target = ""] of prose.matchAll(/\]\(([^)\s]+)\)/g)) links.push({ text: target, line });
      const heading = /^#+\s+(.*)$/.exec(content)?.[1];
      if (heading !== undefined) anchors.add(anchorOf(heading));
    }
  });
  return { fences, links, codes, anchors };
}

/** As code hosts make it: lower case, spaces to hyphens, punctuation gone. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}
