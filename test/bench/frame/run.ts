/** Runs a part: everybody gets warm, then all take turns, and each repeat goes under the machine meter. */

import { Meter } from "./meter.js";
import { NotCompared, type Part, type Rival, type Row, type Run, type Settings, type Turn } from "./part.js";
import { profiled } from "./profile.js";
import { Progress } from "./progress.js";
import { Ledger, type PartResult, partResult } from "./result.js";

const OURS = "quorate";

interface Contender {
  readonly name: string;
  readonly run: Run;
  readonly ledger: Ledger;
}

interface Opened {
  readonly name: string;
  readonly summary: string;
  readonly absence: string | null;
  readonly ledger: Ledger;
  readonly run: Run | null;
}

/** With `isCompared`, rivals run in the pauses of the part, and what cannot be run here is said to be missing. */
export async function runPart(part: Part, settings: Settings, isCompared: boolean): Promise<PartResult> {
  const rows = part.rows(settings).length;
  const contenders = 1 + (isCompared ? part.rivals.length : 0);
  const rounds = settings.repeats + (part.warmUpSeconds > 0 ? 1 : 0);
  const progress = new Progress(part.name, contenders * rounds * rows);
  const say = (text: string): void => progress.say(text);
  const own = new Ledger();
  const rivals: Opened[] = [];
  let run: Run | null = null;
  try {
    if (isCompared) for (const rival of part.rivals) rivals.push(await openRival(rival, settings, say));
    say("getting ready");
    run = await part.open(settings, say);
    await takeTurns(part, settings, [{ name: OURS, run, ledger: own }, ...rivals.flatMap(contenderOf)], progress);
  } finally {
    await run?.close();
    for (const rival of rivals) await rival.run?.close();
    progress.clear();
  }
  return partResult(
    part,
    settings,
    own,
    rivals.map(({ run: _, ...rival }) => rival),
  );
}

async function openRival(rival: Rival, settings: Settings, say: (text: string) => void): Promise<Opened> {
  const { name, summary } = rival;
  try {
    say(`getting ${name} ready`);
    return { name, summary, absence: null, ledger: new Ledger(), run: await rival.open(settings, say) };
  } catch (error) {
    if (!(error instanceof NotCompared)) throw error;
    return { name, summary, absence: error.message, ledger: new Ledger(), run: null };
  }
}

function contenderOf({ name, run, ledger }: Opened): Contender[] {
  return run === null ? [] : [{ name, run, ledger }];
}

async function takeTurns(
  part: Part,
  { seconds, repeats, profiles }: Settings,
  contenders: readonly Contender[],
  progress: Progress,
): Promise<void> {
  if (part.warmUpSeconds > 0) {
    const warmUp = { seconds: Math.min(seconds, part.warmUpSeconds), repeat: 0, isWarmUp: true };
    for (const { name, run } of contenders)
      await run.repeat(turnOf(`${name}, warming up`, warmUp, new Ledger(), progress));
  }
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (const { name, run, ledger } of contenders) {
      const label = `${name}, repeat ${repeat + 1} of ${repeats}`;
      const turn = turnOf(label, { seconds, repeat, isWarmUp: false }, ledger, progress);
      await profiled(name === OURS ? profiles : null, part.name, () => run.repeat(turn));
    }
  }
}

function turnOf(
  label: string,
  facts: Pick<Turn, "seconds" | "repeat" | "isWarmUp">,
  ledger: Ledger,
  progress: Progress,
): Turn {
  let current = "";
  return {
    ...facts,
    async measure(row: Row, deed, watched) {
      current = `, ${row.name}`;
      progress.say(`${label}${current}`);
      const meter = new Meter(watched);
      const figures = await deed();
      ledger.add(row, figures, meter.stop());
      progress.finish();
      return figures;
    },
    record(row, figures, usage) {
      ledger.add(row, figures, usage);
      progress.finish();
    },
    say: (text) => progress.say(`${label}${current}: ${text}`),
  };
}
