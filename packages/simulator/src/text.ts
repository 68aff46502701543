/** Text for terminals: lines that fit, and colours where they are wanted. */

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
}

const asItIs = (text: string): string => text;
const PLAIN: Paint = { bold: asItIs, dim: asItIs, red: asItIs, yellow: asItIs };
const COLOURED: Paint = { bold: code(1, 22), dim: code(2, 22), red: code(31, 39), yellow: code(33, 39) };

export function paintFor(isColoured: boolean): Paint {
  return isColoured ? COLOURED : PLAIN;
}

/** SGR: how terminals are told of colours (ECMA-48, 8.3.117). */
function code(on: number, off: number): (text: string) => string {
  return (text) => `\u001b[${on}m${text}\u001b[${off}m`;
}

/** Lines of at most `width` characters, broken at spaces; a word longer than that is broken anywhere. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.trim().split(/\s+/)) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = "";
      }
      let rest = line === "" ? word : `${line} ${word}`;
      for (; rest.length > width; rest = rest.slice(width)) lines.push(rest.slice(0, width));
      line = rest;
    }
    lines.push(line);
  }
  return lines;
}
