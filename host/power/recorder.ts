// What a device did with its time and energy: every cycle and µJ under the activity and op it was spent on.
import { C_OP, C_TILE } from '../../assembly/layout.js';
import { HarvestRecord } from './harvest-record.js';
import type { MeteredSupply } from './harvested-supply.js';
import type { Image } from '../model/image.js';
import type { DeviceCall } from '../simulator/app.js';
import type { Device, DeviceOptions, Supply } from '../simulator/device.js';

/** `tile`: kernels; `commit`: cursor, barriers, monitor; `io`: taking inputs and acknowledgements. */
export type Activity = 'tile' | 'commit' | 'boot' | 'io';

/** Cycles and energy spent on something. */
export interface Spent {
  cycles: number;
  energyUj: number;
}

/** One tile from its first access to its last, as far as the power went. */
export interface TileSpan {
  fromUs: number;
  toUs: number;
  op: number;
  tile: number;
}

/** Times, in µs, of what happened: for drawing. */
export interface Timeline {
  /** The capacitor, where it changed enough to be seen. */
  volts: { timeUs: number; volts: number }[];
  /** What the trace gives from then on, before any converter: means, where a trace is too long to keep all of it. */
  harvest: { timeUs: number; powerUw: number }[];
  tiles: TileSpan[];
  commits: number[];
  cuts: number[];
  /** On, from boot to cut. */
  on: { fromUs: number; toUs: number }[];
  sleep: { fromUs: number; toUs: number }[];
  /** One an inference: input given, answer acknowledged. */
  inferences: { fromUs: number; toUs: number }[];
  /** Tiles left out because there were too many to draw. */
  tilesLeftOut: number;
}

/** Share of a charge's voltage that is seen as a change. */
const VOLTS_STEP = 0.004;
/** Tiles kept for drawing. */
const MOST_TILES = 20_000;
const MOST_VOLTS = 40_000;

const nothing = (): Spent => ({ cycles: 0, energyUj: 0 });

/** A supply that notes what goes through it. Bind it to its device (`bind`), and give the app `onCall`. */
export class Recorder implements Supply {
  readonly spentOn: Record<Activity, Spent> = {
    tile: nothing(),
    commit: nothing(),
    boot: nothing(),
    io: nothing(),
  };
  /** Of the tiles, by op. */
  readonly ops: Spent[];
  readonly timeline: Timeline = {
    ...{
      volts: [],
      harvest: [],
      tiles: [],
      commits: [],
      cuts: [],
      on: [],
      sleep: [],
      inferences: [],
      tilesLeftOut: 0,
    },
  };
  /** Writes of each byte of NVM. */
  readonly writes: Uint32Array;
  commits = 0;
  readonly #supply: MeteredSupply;
  readonly #image: Image;
  #device: Device | undefined;
  #call: DeviceCall = 'boot';
  #address = 0;
  #last = { cycles: 0, energyUj: 0, timeUs: 0 };
  #open: TileSpan | undefined;
  #voltsStep = VOLTS_STEP;
  readonly #harvest = new HarvestRecord();

  constructor(supply: MeteredSupply, image: Image) {
    this.#supply = supply;
    this.#image = image;
    this.ops = image.ops.map(nothing);
    this.writes = new Uint32Array(image.nvmBytes);
    supply.onWait = () => this.#volts();
    supply.onHarvest = (fromUs, durationUs, powerUw) => this.#harvest.add(fromUs, durationUs, powerUw);
    this.#volts();
  }

  bind(device: Device): void {
    this.#device = device;
  }

  readonly onCall = (call: DeviceCall): void => {
    this.#call = call;
  };

  /** Sleeps as the app would. */
  readonly onLow = (): void => {
    this.#supply.finish();
    this.#take('commit');
    this.#open = undefined;
    const fromUs = this.#supply.timeUs;
    try {
      this.#supply.sleep();
    } finally {
      this.timeline.sleep.push({ fromUs, toUs: this.#supply.timeUs });
      this.#take(undefined);
    }
  };

  readonly observe: NonNullable<DeviceOptions['observe']> = (access, address, length) => {
    this.#address = access === 'sync' ? -1 : address;
    if (access === 'write') for (let at = address; at < address + length; at++) this.writes[at]!++;
  };

  boot(meter: WebAssembly.Global | undefined, op?: () => number | undefined): void {
    this.#open = undefined;
    this.#supply.boot(meter, op);
    this.timeline.on.push({ fromUs: this.#supply.timeUs, toUs: this.#supply.timeUs });
    this.#take('boot');
  }

  view(bytes: number): void {
    this.#through('tile', () => this.#supply.view(bytes));
  }

  viewImage(bytes: number): void {
    this.#through('tile', () => this.#supply.viewImage(bytes));
  }

  write(bytes: number): number {
    const { offset, bytes: size } = this.#image.slots;
    const cursor = this.#address >= offset && this.#address < offset + size;
    return this.#through(cursor ? 'commit' : 'tile', () => this.#supply.write(bytes));
  }

  sync(): void {
    this.#through('commit', () => this.#supply.sync());
    this.#open = undefined;
  }

  low(): boolean {
    return this.#through('commit', () => this.#supply.low());
  }

  spent(): void {
    this.#through('tile', () => this.#supply.spent());
  }

  /** The power failed: call it in the app's `onCut`. */
  cut(): void {
    this.timeline.cuts.push(this.#supply.timeUs);
    this.#open = undefined;
    this.#volts(true);
  }

  /** Closes the books. */
  finish(): void {
    this.#supply.finish();
    this.#take('tile');
    this.#volts(true);
    this.timeline.harvest = this.#harvest.points;
  }

  #through<T>(activity: Activity, call: () => T): T {
    try {
      return call();
    } finally {
      this.#take(activity);
    }
  }

  /** What was spent since the last time goes to `activity`, or where the app's call puts it. */
  #take(activity: Activity | undefined): void {
    const { statistics } = this.#supply;
    const { compute, nvm, boot } = statistics.energyUj;
    const now = { cycles: statistics.cycles, energyUj: compute + nvm + boot, timeUs: this.#supply.timeUs };
    const { cycles, energyUj, timeUs } = this.#last;
    this.#last = now;
    if (!activity) return;
    const call = this.#call;
    const where = call === 'boot' ? 'boot' : call === 'run' ? activity : 'io';
    const to = this.spentOn[where];
    to.cycles += now.cycles - cycles;
    to.energyUj += now.energyUj - energyUj;
    const on = this.timeline.on.at(-1);
    if (on) on.toUs = now.timeUs;
    if (where === 'tile') this.#tile(timeUs, now.timeUs, now.cycles - cycles, now.energyUj - energyUj);
    if (where !== 'boot' && activity === 'commit' && this.#address >= 0) this.#committed(now.timeUs);
    this.#volts();
  }

  /** A slot was written; the monitor and the barriers are no commits. */
  #committed(timeUs: number): void {
    const { offset, bytes } = this.#image.slots;
    if (this.#address < offset || this.#address >= offset + bytes) return;
    this.commits++;
    this.timeline.commits.push(timeUs);
    this.#address = -1;
  }

  #tile(fromUs: number, toUs: number, cycles: number, energyUj: number): void {
    const op = this.#device!.cursorField(C_OP);
    const tile = this.#device!.cursorField(C_TILE);
    const spent = this.ops[op];
    if (!spent) return;
    spent.cycles += cycles;
    spent.energyUj += energyUj;
    if (this.#open?.op === op && this.#open.tile === tile) {
      this.#open.toUs = toUs;
      return;
    }
    this.#open = { fromUs, toUs, op, tile };
    if (this.timeline.tiles.length < MOST_TILES) this.timeline.tiles.push(this.#open);
    else this.timeline.tilesLeftOut++;
  }

  #volts(always = false): void {
    const { volts, timeUs } = this.#supply;
    const points = this.timeline.volts;
    const last = points.at(-1);
    if (!Number.isFinite(volts)) return;
    if (!always && last && Math.abs(volts - last.volts) <= this.#voltsStep) return;
    points.push({ timeUs, volts });
    if (points.length < MOST_VOLTS) return;
    // Long runs are drawn coarser, to their end.
    this.timeline.volts = points.filter((_, i) => i % 2 === 0);
    this.#voltsStep *= 2;
  }
}
