/** Ways in which five servers may be connected that have a name, or a history. */

export interface Shape {
  readonly name: string;
  readonly links: string;
}

export const SHAPES: readonly Shape[] = [
  { name: "all links", links: "1-2 1-3 1-4 1-5 2-3 2-4 2-5 3-4 3-5 4-5" },
  { name: "a ring", links: "1-2 1-5 2-3 3-4 4-5" },
  { name: "a chain", links: "1-2 2-3 3-4 4-5" },
  { name: "a star: all talk with one server only", links: "1-2 1-3 1-4 1-5" },
  { name: "two groups that share a server, the bridge", links: "1-2 1-3 2-3 3-4 3-5 4-5" },
  { name: "three that are connected, one that reaches one of them, one alone", links: "1-3 2-3 2-4 3-4" },
  { name: "one that can talk with two, and must learn from one of them", links: "1-2 2-4 3-5" },
  { name: "a majority, and one that hears all but is not heard", links: "1-2 1-3 1>5 2-3 2>5 3>5 4>5" },
  { name: "a majority, and one that is heard by all but hears nobody", links: "1-2 1-3 2-3 5>1 5>2 5>3 5>4" },
  { name: "a chain of three, and a ring of one-way links", links: "1-2 2-3 3>4 4>5 5>1" },
];
