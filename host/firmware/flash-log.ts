// The bookkeeping of firmware/brownout_nvm_flash.c on steady power: which pages its records go to, and how often each is erased.

/** Sizes of a log; defaults as in firmware/brownout_nvm_flash.h. */
export interface FlashSizes {
  pageBytes: number;
  sectorBytes: number;
  /** Pages may differ by so many erasures before cold data move. */
  spread: number;
}

const DEFAULTS: FlashSizes = { pageBytes: 4096, sectorBytes: 128, spread: 4 };
const PAGE_HEAD_BYTES = 32;
const RECORD_OVERHEAD_BYTES = 16;
/** Free pages; and slots that no page is expected to fill. */
const RESERVE = 3;

/** What a log takes of flash, as firmware/brownout_nvm_flash.h has it, and the NVM that would fit in it. */
export function flashLogSize(
  nvmBytes: number,
  { pageBytes, sectorBytes }: Pick<FlashSizes, 'pageBytes'> & Partial<FlashSizes>,
): { pages: number; slots: number; bytes: number; capacityBytes: number } {
  const sector = sectorBytes ?? DEFAULTS.sectorBytes;
  const slots = Math.floor((pageBytes - PAGE_HEAD_BYTES) / (sector + RECORD_OVERHEAD_BYTES));
  const pages = Math.floor(Math.floor(nvmBytes / sector) / (slots - RESERVE)) + 2 + RESERVE;
  return {
    pages,
    slots,
    bytes: pages * pageBytes,
    capacityBytes: (pages - RESERVE) * (slots - RESERVE) * sector,
  };
}

interface Page {
  erasures: number;
  used: number;
  live: number;
}

export class FlashLog {
  readonly pages: Page[];
  /** Records appended for the application, and copies made to empty pages. */
  records = 0;
  copies = 0;
  readonly #slots: number;
  readonly #sizes: FlashSizes;
  readonly #cells: Uint8Array;
  /** Page of each sector's newest record, and the order in which records of a page lie. */
  readonly #home: Int32Array;
  readonly #contents: number[][];
  #active = -1;
  #sector = -1;
  #buffer: Uint8Array;
  #isDirty = false;

  constructor(nvmBytes: number, sizes: Partial<FlashSizes> = {}) {
    this.#sizes = { ...DEFAULTS, ...sizes };
    const { sectorBytes } = this.#sizes;
    const { pages, slots } = flashLogSize(nvmBytes, this.#sizes);
    this.#slots = slots;
    this.pages = Array.from({ length: pages }, () => ({ erasures: 0, used: 0, live: 0 }));
    this.#contents = this.pages.map(() => []);
    this.#home = new Int32Array(Math.ceil(nvmBytes / sectorBytes)).fill(-1);
    this.#cells = new Uint8Array(this.#home.length * sectorBytes);
    this.#buffer = new Uint8Array(sectorBytes);
  }

  write(address: number, bytes: Uint8Array): void {
    const { sectorBytes } = this.#sizes;
    for (let at = 0; at < bytes.length;) {
      const sector = Math.floor((address + at) / sectorBytes);
      const from = (address + at) % sectorBytes;
      const piece = bytes.subarray(at, at + sectorBytes - from);
      if (sector !== this.#sector) {
        this.sync();
        this.#sector = sector;
        this.#buffer = this.#stored(sector).slice();
      }
      this.#buffer.set(piece, from);
      this.#isDirty = true;
      at += piece.length;
    }
  }

  /** Barrier: the sector in the buffer becomes a record, unless it is what is stored. */
  sync(): void {
    const sector = this.#sector;
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const stored = this.#stored(sector);
    if (this.#home[sector]! >= 0 && Buffer.compare(stored, this.#buffer) === 0) return;
    if (this.#freePages() < RESERVE - 1 || !this.#hasRoom()) this.#collect();
    this.#append(sector);
    this.records++;
    stored.set(this.#buffer);
  }

  #stored(sector: number): Uint8Array {
    const { sectorBytes } = this.#sizes;
    return this.#cells.subarray(sector * sectorBytes, (sector + 1) * sectorBytes);
  }

  #isFree(index: number): boolean {
    return index !== this.#active && this.pages[index]!.used === 0;
  }

  #freePages(): number {
    return this.pages.filter((_, index) => this.#isFree(index)).length;
  }

  #hasRoom(): boolean {
    return this.#active >= 0 && this.pages[this.#active]!.used < this.#slots;
  }

  #append(sector: number): void {
    if (!this.#hasRoom()) this.#active = this.#least('erasures', (index) => this.#isFree(index));
    const page = this.pages[this.#active]!;
    page.used++;
    const old = this.#home[sector]!;
    if (old >= 0) this.pages[old]!.live--;
    page.live++;
    this.#home[sector] = this.#active;
    this.#contents[this.#active]!.push(sector);
  }

  /** Copies what lives in a page, in order, and erases it. */
  #reclaim(index: number): void {
    const page = this.pages[index]!;
    const newest = this.#contents[index]!;
    for (const [slot, sector] of newest.entries()) {
      if (this.#home[sector] !== index || newest.lastIndexOf(sector) !== slot) continue;
      this.#append(sector);
      this.copies++;
    }
    this.#contents[index] = [];
    Object.assign(page, { erasures: page.erasures + 1, used: 0, live: 0 });
  }

  #least(key: keyof Page, isCandidate: (index: number) => boolean): number {
    let best = -1;
    this.pages.forEach((page, index) => {
      if (isCandidate(index) && (best < 0 || page[key] < this.pages[best]![key])) best = index;
    });
    return best;
  }

  #inUse = (index: number): boolean => index !== this.#active && !this.#isFree(index);

  #collect(): void {
    const makeRoom = (): void => {
      while (this.#freePages() < RESERVE) this.#reclaim(this.#least('live', this.#inUse));
    };
    makeRoom();
    const cold = this.#least('erasures', this.#inUse);
    if (cold < 0) return;
    const most = Math.max(...this.pages.map(({ erasures }) => erasures));
    if (most - this.pages[cold]!.erasures <= this.#sizes.spread) return;
    this.#reclaim(cold);
    makeRoom();
  }
}
