/**
 * The other process of the tests: `worker.ts <task> <directory>`. It says what it did line by line, on its standard
 * output.
 */

import { writeSync } from "node:fs";
import { LevelLogStorage } from "../src/index.js";
import { compactionAfter, firstWrite, IDENTITY, writeNumber } from "./sequence.js";

const [task, directory = ""] = process.argv.slice(2);
const storage = new LevelLogStorage({ directory });

/** Directly to the file descriptor: a line that was said is out when the process is killed. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

/** Writes the sequence until it is killed. */
async function write(): Promise<void> {
  await storage.open();
  await storage.initialize(IDENTITY, firstWrite());
  say("written 0");
  for (let number = 1; ; number += 1) {
    await storage.write([writeNumber(number)]);
    say(`written ${number}`);
    const upTo = compactionAfter(number);
    if (upTo === null) continue;
    await storage.compact(upTo);
    say(`compacted ${number}`);
  }
}

/** Writes the sequence until a write fails, and then tries to go on. */
async function writeUntilFailure(): Promise<void> {
  await storage.open();
  await storage.initialize(IDENTITY, firstWrite());
  let number = 0;
  try {
    for (;;) {
      await storage.write([writeNumber(number + 1)]);
      number += 1;
      say(`written ${number}`);
    }
  } catch (error) {
    say(`failed ${codeOf(error)}`);
  }
  for (const attempt of [storage.write([writeNumber(number + 1)]), storage.compact(1)]) {
    await attempt.then(
      () => say("went on"),
      (error: unknown) => say(`refused ${codeOf(error)}`),
    );
  }
  await storage.close();
  say("closed");
}

/** Opens the directory, and keeps it open until its standard input ends. */
async function hold(): Promise<void> {
  try {
    const state = await storage.open();
    say(state === null ? "blank" : "opened");
  } catch (error) {
    say(codeOf(error));
  }
  process.stdin.resume();
  process.stdin.on("end", () => void storage.close());
}

if (task === "write") await write();
else if (task === "writeUntilFailure") await writeUntilFailure();
else await hold();
