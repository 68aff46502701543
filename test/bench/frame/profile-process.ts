/**
 * Loaded first by a process that is to be profiled: its main thread's CPU profile, from here until it exits, goes to the
 * file that the query of this module's address names. (Node's own `--cpu-prof` would write those of all its threads to
 * the same file, and the loader's is not what is asked for.)
 */

import { writeFileSync } from "node:fs";
import { Session } from "node:inspector";

const query = new URL(import.meta.url).searchParams;
const session = new Session();
session.connect();
session.post("Profiler.enable");
session.post("Profiler.setSamplingInterval", { interval: Number(query.get("us")) });
session.post("Profiler.start");
process.once("exit", () => {
  session.post("Profiler.stop", (error, result) => {
    if (error === null) writeFileSync(query.get("file") ?? "", JSON.stringify(result.profile));
  });
});
