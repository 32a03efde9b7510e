// The application around a job, as one would write it on a device: it may die anywhere and asks after every boot.
import { C_SEQUENCE } from '../../assembly/layout.js';
import { ErrorCode, Status } from '../../assembly/error.js';
import { BrownoutError, ExitCode } from '../error.js';
import type { Image } from '../model/image.js';
import { type Values, valuesFrom } from '../model/values.js';
import { type Device, PowerCut } from './device.js';
import type { CutOutcome } from './nvm.js';

export interface Job {
  /** Never 0; another for each job. */
  ticket: number;
  /** Already quantized. */
  input: Values;
  /** The input's class: the job is to learn it. Default: to infer. */
  label?: number;
  /** The job is to forget class `label`. */
  forgets?: true;
}

export interface JobOptions {
  /** What a cut does to unsynced writes; default: they get as far as the cut. */
  onCut?: () => CutOutcome | undefined;
  /** Cuts after which the simulation gives up; default 100,000. */
  maxCuts?: number;
  /** Called where `run` returned LOW, everything committed: an app may sleep here. Default: it goes on. */
  onLow?: () => void;
  /**
   * As firmware/main.c: after a few boots that found the job where it was, commit after every tile; go on after
   * `E_NO_PROGRESS`. Default: leave commits to the image, and stop there.
   */
  careful?: true;
  /** Called before each call to the device. */
  onCall?: (call: DeviceCall) => void;
}

/** Boots at one cursor from which a careful app commits after every tile: BROWNOUT_CAREFUL_BOOTS of firmware/brownout.h. */
const CAREFUL_BOOTS = 4;

/** The calls an app makes. */
export type DeviceCall = 'boot' | 'submit' | 'run' | 'ack';

/** Throws a `BrownoutError` that names a device's error code. */
export function expectSuccess(code: number, doing: string): number {
  if (code >= 0) return code;
  throw new BrownoutError(
    {
      code: ErrorCode[code] ?? `E_${code}`,
      found: `${ErrorCode[code] ?? code} from ${doing}`,
      expected: 'success',
      hint: 'docs/FORMAT.md, "Errors", says what each code means.',
    },
    ExitCode.DEVICE,
  );
}

/** The answer of a finished job: a copy of the output region. */
function readAnswer(device: Device, image: Image): Values {
  const { offset, bytes } = image.output;
  return valuesFrom(device.nvm.present.subarray(offset, offset + bytes), image.metadata.output.dtype);
}

/** Submits a job. */
function start(device: Device, { ticket, input, label, forgets }: Job): void {
  if (forgets) {
    expectSuccess(device.forget(ticket, label!), 'forget');
    return;
  }
  expectSuccess(device.feed(input), 'feed');
  expectSuccess(label === undefined ? device.submit(ticket) : device.learn(ticket, label), 'submit');
}

/**
 * Takes one job from input to acknowledged answer through any number of cuts. The device may be up (`booted`) or down.
 * Returns the answer and the cuts on the way; the device is up afterwards.
 */
export function completeJob(
  device: Device,
  image: Image,
  job: Job,
  { onCut, onLow, onCall, careful, maxCuts = 100_000 }: JobOptions = {},
  booted = false,
): { answer: Values; cuts: number } {
  let answer: Values | undefined;
  let up = booted;
  let [boots, sequence, budget] = [0, -1, 0];
  for (let cuts = 0; ; cuts++) {
    try {
      if (!up) {
        onCall?.('boot');
        const code = device.boot();
        if (!careful || code !== ErrorCode.E_NO_PROGRESS) expectSuccess(code, 'boot');
        up = true;
        boots = device.cursorField(C_SEQUENCE) === sequence ? boots + 1 : 1;
        sequence = device.cursorField(C_SEQUENCE);
        budget = careful && boots > CAREFUL_BOOTS ? 1 : 0;
      }
      if (device.ticket !== job.ticket) {
        onCall?.('submit');
        start(device, job);
      }
      while (device.status() === Status.RUN) {
        onCall?.('run');
        if (expectSuccess(device.run(budget), 'run') === Status.LOW) onLow?.();
      }
      answer ??= readAnswer(device, image);
      onCall?.('ack');
      expectSuccess(device.ack(job.ticket), 'ack');
      return { answer, cuts };
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      if (cuts >= maxCuts) {
        const hint = 'Give the device more energy a charge, or raise maxCuts.';
        throw new BrownoutError({
          code: 'E_CUTS',
          found: `${cuts + 1} power failures in one job`,
          expected: `at most ${maxCuts}`,
          hint,
        });
      }
      device.cut(onCut?.());
      up = false;
    }
  }
}
