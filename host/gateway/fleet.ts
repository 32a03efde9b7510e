// What a fleet has learnt: of every device the sums it sent last, added up. A device's sums are all that it has learnt so
// far, under a number that only grows; so a message that is lost, comes twice or comes late changes nothing that a later one
// does not set right, and every sample counts once.
import { BrownoutError } from '../error.js';
import { merged } from '../learning/sums/arithmetic.js';
import { readWeights, writeWeights } from '../learning/learned.js';
import { type SumsOfImage, sumsOfImage } from '../learning/sums/of-image.js';
import { type Sums, triangle } from '../learning/sums/spec.js';
import { crc32 } from '../model/crc32.js';
import type { Image } from '../model/image.js';
import { FleetLog, type LogEntry, type LogRecord } from './log.js';

const SIXTEENTHS = 16;
/** Number of a device that is forgotten: none that it sends is larger. */
export const FORGOTTEN = 0xffffffff;

/** An image's number as paths and file names have it. */
export const imageName = (imageId: number): string => (imageId >>> 0).toString(16).padStart(8, '0');

/** A device's newest sums, as the log has them. */
interface Known {
  version: number;
  samples: number;
  crc: number;
  entry: LogEntry;
}

export interface FleetStatus {
  imageId: number;
  devices: number;
  /** Samples of all devices. */
  samples: number;
  /** Messages that brought something new, since the gateway started. */
  accepted: number;
  /** Those that did not. */
  repeated: number;
}

/** A message that waits for the disk. */
interface Arrival {
  record: LogRecord;
  crc: number;
  /** With the number that counts. */
  resolve: (version: number) => void;
  reject: (reason: unknown) => void;
}

function refuse(found: string, expected: string, hint: string, code = 'E_CONTRIBUTION'): never {
  throw new BrownoutError({ code, found, expected, hint });
}

const otherSums = ({ device, version }: LogRecord): BrownoutError =>
  new BrownoutError({
    code: 'E_CONTRIBUTION',
    found: `other sums of device "${device}" under number ${version}`,
    expected: 'one number for one set of sums',
    hint: 'A device counts its updates: restore its NVM from no older dump.',
  });

/** What a device's sums have more than the factory's, int32: counts, totals, products. */
function contribution(sums: Sums, of: SumsOfImage): Int32Array {
  const { prior } = of;
  const parts = (['counts', 'totals', 'products'] as const).flatMap((part) =>
    Array.from(sums[part], (value, i) => value - prior[part][i]!),
  );
  return Int32Array.from(parts);
}

/** Samples that sums are of, the forgotten ones left out. */
const keptOf = ({ samples, forgotten }: Sums): number => samples - forgotten;

/** The sums of one image's fleet, in memory and on disk. */
export class Fleet {
  readonly #of: SumsOfImage;
  readonly #known = new Map<string, Known>();
  /** Exact: whole numbers below 2^53. */
  readonly #totals: Float64Array;
  #samples = 0;
  #accepted = 0;
  #repeated = 0;
  /** What came while others were written: it goes to the disk together. */
  #waiting: Arrival[] = [];
  #writing: Promise<void> | undefined;

  private constructor(
    readonly image: Image,
    readonly log: FleetLog,
  ) {
    this.#of = sumsOfImage(image);
    const { classes, rank, decay } = this.#of;
    if (decay > 0)
      refuse(
        'an image whose sums decay',
        'one compiled without --decay',
        'What decays cannot be added up.',
        'E_KIND',
      );
    this.#totals = new Float64Array(classes * (1 + rank) + triangle(rank));
  }

  /** Opens the log at `path`, and adds up what is in it. Throws `E_KIND`, `E_STORE`. */
  static open(image: Image, path: string): Fleet {
    const fleet = new Fleet(image, FleetLog.open(path));
    for (const { device, version, samples, payload, entry } of fleet.log.read()) {
      if (payload.length !== 4 * fleet.#totals.length)
        refuse(`a log of other sums at "${path}"`, 'that of this image', 'Give another --store.', 'E_STORE');
      fleet.#apply(device, { version, samples, crc: crc32(payload), entry }, payload);
    }
    return fleet;
  }

  /** Bytes of the body that a device sends. */
  get bodyBytes(): number {
    return writeWeights(this.image, new Uint8Array(this.image.learning!.bankBytes)).length;
  }

  /**
   * Takes what `device` has learnt: a weight bank as `export-weights` writes it, under the number of updates that made it.
   * Returns when it is on disk: the number that counts, larger where a newer one came before. Throws `E_WEIGHTS`,
   * `E_CONTRIBUTION`.
   */
  put(device: string, version: number, body: Uint8Array): Promise<number> {
    const sums = this.#of.sumsOf(readWeights(this.image, body));
    const samples = this.#check(sums);
    const words = contribution(sums, this.#of);
    const payload = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    return this.#arrive({ device, version, samples, payload });
  }

  /**
   * Takes off all that `device` had sent, and takes nothing of it again. Returns when that is on disk, and what it had sent is
   * not any more.
   */
  async forget(device: string): Promise<void> {
    const payload = new Uint8Array(4 * this.#totals.length);
    await this.#arrive({ device, version: FORGOTTEN, samples: 0, payload });
  }

  /** The fleet's weight bank as `import-weights` reads it: the factory's sums and all devices', and the head that they make. */
  head(): Uint8Array {
    const { prior, bankOf } = this.#of;
    return writeWeights(this.image, bankOf(merged(prior, this.#totals, this.#samples)));
  }

  get status(): FleetStatus {
    return {
      imageId: this.image.imageId,
      devices: [...this.#known.values()].filter(({ version }) => version < FORGOTTEN).length,
      samples: this.#samples,
      accepted: this.#accepted,
      repeated: this.#repeated,
    };
  }

  /** All that is added up, over what the factory's data counts for. */
  get totals(): Float64Array {
    return this.#totals.slice();
  }

  async close(): Promise<void> {
    await this.#writing;
    this.log.close();
  }

  /** Throws for what sums cannot be, whatever was seen. Returns of how many samples they are. */
  #check(sums: Sums): number {
    const { halvings, counts, products } = sums;
    const { prior, classes, rank } = this.#of;
    const samples = keptOf(sums) - keptOf(prior);
    const forgotten = sums.forgotten - prior.forgotten;
    if (halvings !== prior.halvings)
      refuse(
        `sums that were halved ${halvings - prior.halvings} times`,
        'sums as they were added up',
        'Restore the device, or compile with a smaller --rank: its share can no longer be told exactly.',
      );
    let counted = 0;
    for (let c = 0; c < classes; c++) {
      const own = counts[c]! - prior.counts[c]!;
      if (own < 0 || own % SIXTEENTHS !== 0)
        refuse(
          `class ${c} with ${own} sixteenths of a sample`,
          'whole samples',
          'Send a bank as the device holds it.',
        );
      counted += own / SIXTEENTHS;
    }
    if (counted !== samples)
      refuse(
        `${samples} samples, ${counted} of them in classes`,
        'the same',
        'Send a bank as the device holds it.',
      );
    for (let i = 0; i < rank; i++) {
      const at = triangle(i) + i;
      const square = products[at]! - prior.products[at]!;
      // Of forgotten samples the scatter within their class stays, rounded.
      if (square < -forgotten || square > SIXTEENTHS * (samples + forgotten) * 128 ** 2)
        refuse(
          `a sum of ${square} of ${samples} squares`,
          'a possible one',
          'Send a bank as the device holds it.',
        );
    }
    return samples;
  }

  #arrive(record: LogRecord): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, crc: crc32(record.payload), resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** Writes what waits, all that has come in the meantime at once, until nothing does. Nobody is told before it is on disk. */
  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const fresh = this.#sort(batch);
        const entries = await this.log.append(fresh.map(({ record }) => record));
        fresh.forEach(({ record, crc }, i) => {
          const { device, version, samples, payload } = record;
          this.#apply(device, { version, samples, crc, entry: entries[i]! }, payload);
        });
        const forgets = batch.some(({ record }) => record.version === FORGOTTEN);
        if (forgets || this.log.isSparse(this.#known.size, 4 * this.#totals.length)) this.#compact();
        this.#accepted += fresh.length;
        for (const { record, resolve } of batch) resolve(this.#known.get(record.device)!.version);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    // At once: what comes next finds nobody writing.
    this.#writing = undefined;
  }

  /** What of `batch` is news. Refuses other sums under a number that is known. */
  #sort(batch: Arrival[]): Arrival[] {
    const newest = new Map<string, Pick<Known, 'version' | 'crc'>>();
    return batch.filter((arrival) => {
      const { record, crc, reject } = arrival;
      const { device, version } = record;
      const known = newest.get(device) ?? this.#known.get(device);
      if (known && known.version >= version) {
        if (known.version === version && known.crc !== crc) reject(otherSums(record));
        else this.#repeated++;
        return false;
      }
      newest.set(device, { version, crc });
      return true;
    });
  }

  /** Writes the log anew with what counts. */
  #compact(): void {
    const all = [...this.#known.values()];
    this.log.compact(all.map(({ entry }) => entry)).forEach((moved, i) => {
      all[i]!.entry = moved;
    });
  }

  /** Takes off what the device had sent before, and adds what it sends now. */
  #apply(device: string, next: Known, payload: Uint8Array): void {
    const known = this.#known.get(device);
    if (known && known.version >= next.version) return;
    const words = (bytes: Uint8Array): DataView =>
      new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [fresh, stale] = [words(payload), known && words(this.log.payloadOf(known.entry))];
    for (let i = 0; i < this.#totals.length; i++)
      this.#totals[i]! += fresh.getInt32(4 * i, true) - (stale ? stale.getInt32(4 * i, true) : 0);
    this.#samples += next.samples - (known?.samples ?? 0);
    this.#known.set(device, next);
  }
}
