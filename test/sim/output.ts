/** What the command prints: results on standard output, progress on standard error where somebody looks on. */

import { describeCounts, describeParameters, type RunReport, shortTimes } from "@quorate/simulator";
import type { Explained } from "./failure.js";
import type { Totals } from "./totals.js";

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One line that the next one replaces. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
}

/** As wide as the terminal, within reason; what is piped is read somewhere else. */
export function width(): number {
  return process.stdout.isTTY ? Math.min(process.stdout.columns, 160) : 120;
}

/** Colours on a terminal, unless NO_COLOR is set (no-color.org). */
export function isColoured(): boolean {
  return process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
}

export function progressOf(totals: Totals, seconds: number): string {
  const { seeds, coreSteps, simulatedMs, reachedSituations, listedSituations, faults } = totals;
  const injected = Object.values(faults).reduce((sum, count) => sum + count, 0);
  return [
    `${whole(seeds)} seeds (${whole(seeds / Math.max(seconds, 0.001))}/s)`,
    `${whole(coreSteps)} steps`,
    `${duration(simulatedMs)} simulated`,
    `${whole(injected)} faults`,
    `${reachedSituations} of ${listedSituations} situations`,
    `${seconds.toFixed(0)} s`,
  ].join(" · ");
}

/** What many runs came to, for people. */
export function summaryOf(totals: Totals, firstSeed: number, seconds: number): string {
  const { seeds, worlds, events, coreSteps, simulatedMs, faults, situations } = totals;
  const missed = Object.keys(situations).filter((name) => situations[name] === 0);
  return [
    `${whole(seeds)} runs in ${seconds.toFixed(1)} s from seed ${firstSeed} on: ${describeCounts(worlds)}`,
    `${whole(events)} events, ${whole(coreSteps)} steps of cores, ${duration(simulatedMs)} of simulated time`,
    "",
    "Faults injected:",
    ...listOf(faults),
    "",
    `Situations reached (${totals.reachedSituations} of ${totals.listedSituations}):`,
    ...listOf(situations),
    ...(missed.length === 0 ? [] : ["", `Never reached: ${missed.join(", ")}`]),
  ].join("\n");
}

function listOf(counts: Readonly<Record<string, number>>): readonly string[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, left], [, right]) => right - left)
    .map(([name, count]) => `${whole(count).padStart(14)}  ${name}`);
}

/** One run in which nothing broke, for people. */
export function describeRun({
  script,
  parameters,
  events,
  coreSteps,
  simulatedMs,
  faults,
  ...more
}: RunReport): string {
  return [
    `✓ Nothing broke with seed ${script.seed}, in the world of ${script.world}.`,
    "",
    `parameters  ${describeParameters(parameters)}`,
    `faults      ${describeCounts(faults)}`,
    `situations  ${describeCounts(more.situations)}`,
    `length      ${whole(events)} events, ${whole(coreSteps)} steps of cores, ${duration(simulatedMs)} of simulated time`,
    `hash        ${more.hash}`,
  ].join("\n");
}

/** What was found, for programs. Without a run its lengths are not known, and 0. */
export function jsonOf({ failure, minimized, file }: Explained, seconds: number): object {
  const { property, oracle, statement, facts } = failure.violation;
  return {
    violation: { property, oracle, message: `${statement} ${facts.map(shortTimes).join(" ")}` },
    seed: failure.seed,
    rawEvents: minimized?.raw.events ?? 0,
    shrunkEvents: minimized?.report.events ?? 0,
    seconds,
    world: failure.report?.script.world ?? null,
    isReproduced: minimized?.isReproduced ?? null,
    isMinimal: minimized?.isMinimal ?? null,
    replays: minimized?.replays ?? 0,
    file,
  };
}

export function totalsJson(totals: Totals, firstSeed: number, seconds: number): object {
  const { seeds, worlds, events, coreSteps, simulatedMs, faults, situations } = totals;
  return { violation: null, firstSeed, seeds, seconds, worlds, events, coreSteps, simulatedMs, faults, situations };
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function duration(ms: number): string {
  const hours = ms / 3_600_000;
  return hours >= 1 ? `${hours.toFixed(1)} h` : `${(ms / 60_000).toFixed(1)} min`;
}
