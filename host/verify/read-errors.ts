// The obligation on memory that answers the read of a torn word with an error (ECC): the fault's handler returns with any
// bytes, other ones at every read. Boots alone read what can be torn (tiles.ts), the slots and the count of boots, and go on
// by checksums.
import { CURSOR_BYTES, DIAGNOSTICS_BYTES } from '../../assembly/layout.js';
import { Random } from '../math/random.js';
import { cursorBytes, cursorFields, slotAddress } from '../model/cursor.js';
import type { Build } from './builds.js';
import { checkBootWrites } from './commit-form.js';
import { deviceAt } from './job.js';
import { Fault, Probe } from './probe.js';
import type { Subject } from './subject.js';
import { refute } from './violation.js';

/** What handlers may return with: zeros, ones, a word again and again, noise. */
const HANDLERS: readonly ((bytes: Uint8Array, random: Random) => void)[] = [
  (bytes) => bytes.fill(0),
  (bytes) => bytes.fill(0xff),
  (bytes, random) => {
    const word = random.uint32();
    bytes.forEach((_, i) => (bytes[i] = word >>> (8 * (i & 3))));
  },
  (bytes, random) => {
    bytes.forEach((_, i) => (bytes[i] = random.uint32()));
  },
];

/** Boots of each handler: noise is other noise each time. */
const BOOTS = 4;

/** Parts of a read that lie in torn bytes of NVM come as the handler has them. */
function bootsWith(subject: Subject, build: Build, slot: number): void {
  const { image, sramBytes, job } = subject;
  const index = job.steps.length >> 1;
  const newest = cursorBytes(job.cursors[index]!, 8);
  const at = slotAddress(image, slot);
  const torn = [
    [at, at + CURSOR_BYTES],
    [image.diagnostics.offset, image.diagnostics.offset + DIAGNOSTICS_BYTES],
  ] as const;
  const random = new Random(slot + 1);
  let handler = HANDLERS[0]!;
  const deliver = (address: number, length: number, memory: number): void => {
    for (const [from, to] of torn) {
      const [start, end] = [Math.max(from, address), Math.min(to, address + length)];
      if (start < end)
        handler(probe.memory.subarray(memory + start - address, memory + end - address), random);
    }
  };
  const probe: Probe = new Probe(build, {
    image,
    sramBytes,
    // Where loads are watched the cells themselves are what a load finds.
    ...(build.mapping
      ? { onLoad: (place, length) => deliver(place - probe.nvm.byteOffset, length, place) }
      : { onView: (address, length, scratch) => deliver(address, length, scratch) }),
  });
  for (handler of HANDLERS)
    for (let boots = 0; boots < BOOTS; boots++) {
      probe.nvm.set(deviceAt(image, 0, job.start));
      probe.nvm.set(newest, slotAddress(image, slot ^ 1));
      const wrong = wrongBoot(probe, subject, newest);
      if (wrong)
        refute('recovery', `${wrong}, where slot ${slot} and the count of boots read as errors`, index);
    }
}

/** What is wrong with a boot that must take `newest`, as the beginning of a sentence. */
function wrongBoot(probe: Probe, { image }: Subject, newest: Uint8Array): string | undefined {
  const { state } = cursorFields(newest);
  try {
    const code = probe.boot((arena) => arena.fill(0x5a));
    if (code !== state) return `boot returns ${code} instead of ${state}`;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
  if (Buffer.compare(probe.cursor, newest) !== 0) return 'boot does not take the newest cursor';
  return checkBootWrites(probe.trace, image, newest);
}

/** Torn slots and counts of boots that read as errors: boot takes the newest cursor all the same. */
export function readErrors(subject: Subject): void {
  const builds = subject.module.mapping ? [] : [subject.module];
  for (const build of [...builds, subject.loads()])
    for (const slot of [0, 1]) bootsWith(subject, build, slot);
}
