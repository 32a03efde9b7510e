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
import { FleetLog, type LogEntry } from './log.js';

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

function refuse(found: string, expected: string, hint: string, code = 'E_CONTRIBUTION'): never {
  throw new BrownoutError({ code, found, expected, hint });
}

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
  #queue: Promise<unknown> = Promise.resolve();

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
    const next = this.#queue.then(() => this.#store(device, version, samples, payload));
    this.#queue = next.catch(() => undefined);
    return next;
  }

  /**
   * Takes off all that `device` had sent, and takes nothing of it again. Returns when that is on disk, and what it had sent is
   * not any more.
   */
  forget(device: string): Promise<void> {
    const nothing = new Uint8Array(4 * this.#totals.length);
    const next = this.#queue.then(async () => {
      await this.#store(device, FORGOTTEN, 0, nothing);
      this.#compact();
    });
    this.#queue = next.catch(() => undefined);
    return next;
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
    await this.#queue;
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

  async #store(device: string, version: number, samples: number, payload: Uint8Array): Promise<number> {
    const known = this.#known.get(device);
    const crc = crc32(payload);
    if (known && known.version === version && known.crc !== crc)
      refuse(
        `other sums of device "${device}" under number ${version}`,
        'one number for one set of sums',
        'A device counts its updates: restore its NVM from no older dump.',
      );
    if (known && known.version >= version) {
      this.#repeated++;
      return known.version;
    }
    const entry = await this.log.append({ device, version, samples, payload });
    this.#apply(device, { version, samples, crc, entry }, payload);
    this.#accepted++;
    if (this.log.isSparse(this.#known.size, payload.length)) this.#compact();
    return version;
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
