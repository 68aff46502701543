/** One line of a script, taken apart: a name, words in order, and options such as `leader=1`. */

import { type MemberChange, type MemberRole, NOBODY, type NodeId, type Term } from "../../src/index.js";
import type { Selection } from "../support/network.js";

export class Words {
  readonly name: string;
  readonly #rest: string[] = [];
  readonly #options = new Map<string, number>();

  constructor(line: string) {
    const words = line.replace(/(^|\s)#.*/, "").match(/"[^"]*"|\S+/g) ?? [];
    const nameLength = words[1] === "writes" || words[1] === "snapshot" ? 2 : 1;
    this.name = words.slice(0, nameLength).join(" ");
    for (const word of words.slice(nameLength)) {
      const option = /^([a-z]+)=(\d+)$/.exec(word);
      if (option === null) this.#rest.push(word);
      else this.#options.set(option[1] as string, Number(option[2]));
    }
  }

  option(name: string): number | undefined {
    return this.#options.get(name);
  }

  word(): string {
    const word = this.#rest.shift();
    if (word === undefined) throw new Error(`${this.name} needs another word`);
    return word;
  }

  number(): number {
    const word = this.word();
    if (!/^\d+$/.test(word)) throw new Error(`${word} is not a number`);
    return Number(word);
  }

  numbers(): number[] {
    return this.#rest.splice(0).map((word) => Number(word));
  }

  /** `3`, or `anyone`. */
  idOrAny(): NodeId {
    if (this.#rest[0] !== "anyone") return this.number();
    this.word();
    return NOBODY;
  }

  /** `n1 n4:learner n5:witness n2^7`: names, what they shall be if not voters, and their priority. */
  members(): MemberChange[] {
    return this.#rest.splice(0).map((word) => {
      const [, name, role = "voter", priority = "0"] = /^(\w+)(?::(\w+))?(?:\^(\d+))?$/.exec(word) ?? [];
      if (name === undefined) throw new Error(`${word} is no member`);
      return { name, address: `${name}:1`, role: role as MemberRole, priority: Number(priority) };
    });
  }

  milliseconds(): number {
    const match = /^(\d+)ms$/.exec(this.word());
    if (match === null) throw new Error(`${this.name} needs a time, such as 300ms`);
    return Number(match[1]);
  }

  /** `"a" "b"`, or `"a" x3` for "a1", "a2" and "a3". */
  texts(): string[] {
    const words = this.#rest.splice(0);
    const texts = words.filter((word) => word.startsWith('"')).map((word) => word.slice(1, -1));
    const times = /^x(\d+)$/.exec(words[words.length - 1] ?? "");
    if (times === null) return texts;
    return Array.from({ length: Number(times[1]) }, (_, place) => `${texts[0]}${place + 1}`);
  }

  /** `1x3 4` for a log of the terms 1 1 1 4. */
  runs(): Term[] {
    return this.#rest.splice(0).flatMap((run) => {
      const [term, times = 1] = run.split("x").map(Number) as [Term, number?];
      return Array.from({ length: times }, () => term);
    });
  }

  /** `1>2` for one direction, `1-2` for both. */
  links(): [from: NodeId, to: NodeId][] {
    return this.#rest.splice(0).flatMap((word) => {
      const [one, other] = word.split(/[->]/).map(Number) as [NodeId, NodeId];
      return word.includes(">")
        ? [[one, other]]
        : [
            [one, other],
            [other, one],
          ];
    });
  }

  /** `1>2 appendEntries`; `*` for any server, no kind for any message. */
  selection(): Selection {
    const [from, to] = this.word()
      .split(">")
      .map((id) => (id === "*" ? undefined : Number(id)));
    return { from, to, kind: this.#rest.shift() };
  }

  /** Throws if the line says more than was asked. */
  end(): void {
    if (this.#rest.length > 0) throw new Error(`${this.name} does not understand ${this.#rest.join(" ")}`);
  }
}
