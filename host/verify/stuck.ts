// The obligation on devices that a charge does not get past a tile: after so many boots at one cursor they say so, and
// from then on are as after any other boot.
import { ErrorCode, Status } from '../../assembly/error.js';
import { D_BOOTS } from '../../assembly/layout.js';
import { cursorBytes, type CursorFields, idleFields, slotAddress } from '../model/cursor.js';
import { SETTLING_STEPS, splitCommit } from './commit-form.js';
import { Fault, Probe } from './probe.js';
import { GoldenNvm, type Subject } from './subject.js';
import { refute } from './violation.js';

/** Boots at the first, a middle and the last tile until `E_NO_PROGRESS`, and goes on from there; and where no job runs. */
export function stuckDevice(subject: Subject): void {
  const { image, job, module, sramBytes } = subject;
  const golden = new GoldenNvm(job);
  const last = job.steps.length - 1;
  const watched = [0, last >> 1, last];
  for (const fields of [job.start?.fields ?? idleFields(image.imageId), job.cursors[last + 1]!])
    waits(subject, fields);
  for (let cursor = 0; cursor <= last; cursor++) {
    if (watched.includes(cursor)) {
      const probe = new Probe(module, { image, sramBytes });
      probe.nvm.set(golden.bytes);
      probe.nvm.set(cursorBytes(job.cursors[cursor]!, 7), slotAddress(image, 1));
      try {
        lives(subject, probe, cursor);
      } catch (error) {
        if (error instanceof Fault) refute('protocol', error.message, cursor);
        throw error;
      }
    }
    golden.advance();
  }
}

/** Without a job under way a device boots as often as it likes, and writes nothing. */
function waits({ image, job, module, sramBytes }: Subject, fields: CursorFields): void {
  const probe = new Probe(module, { image, sramBytes });
  probe.nvm.set(job.atEnd);
  probe.nvm.set(cursorBytes(fields, 7), slotAddress(image, 1));
  for (let boots = 0; boots < image.maxBoots + 2; boots++) {
    const code = probe.boot((arena) => arena.fill(0xc3));
    if (code !== fields.state) refute('protocol', `boot ${boots} without a job returns ${code}`);
    if (probe.trace.steps.length > (image.unstable ? SETTLING_STEPS : 0))
      refute('protocol', 'a boot without a job writes');
  }
}

function lives({ image, job }: Subject, probe: Probe, cursor: number): void {
  const boot = (): number => probe.boot((arena) => arena.fill(0xc3));
  const expect = (code: number, wanted: number, doing: string): void => {
    if (code !== wanted) refute('protocol', `${doing} returns ${code} instead of ${wanted}`, cursor);
  };
  expect(boot(), Status.RUN, 'the first boot');
  // A count that a cut has torn is none.
  probe.nvm[image.diagnostics.offset + D_BOOTS + 1]! ^= 0xff;
  expect(boot(), Status.RUN, 'a boot with a torn count of boots');
  const normal = probe.memory.slice(0, probe.arena);
  for (let boots = 2; boots <= image.maxBoots; boots++)
    expect(boot(), Status.RUN, `boot ${boots} at one cursor`);
  for (const boots of ['the boot after the last', 'one more'])
    expect(boot(), ErrorCode.E_NO_PROGRESS, `${boots} at one cursor`);
  if (Buffer.compare(normal, probe.memory.subarray(0, probe.arena)) !== 0)
    refute('protocol', 'after E_NO_PROGRESS static data is not as after any boot', cursor);
  expect(
    probe.call(() => probe.device.run(1)),
    job.cursors[cursor + 1]!.state,
    'run after E_NO_PROGRESS',
  );
  const parts = splitCommit(probe.trace, image);
  if (typeof parts === 'string' || !parts.commit) refute('protocol', 'no commit after E_NO_PROGRESS', cursor);
  expect(boot(), job.cursors[cursor + 1]!.state, 'a boot after the commit');
}
