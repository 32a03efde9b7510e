// NVM that remembers what was done to it, in order.
import type { Image } from '../model/image.js';
import { SimulatedNvm } from './nvm.js';
import { provision } from './provision.js';

/** A write, a view or a barrier. */
export interface NvmAction {
  what: 'write' | 'view' | 'sync';
  address: number;
  /** What was written, or seen. */
  bytes: Uint8Array;
}

const NOTHING = new Uint8Array();

/** NVM as provisioning leaves it, and what is done to it from then on. */
export class TracedNvm extends SimulatedNvm {
  /** NVM before the first action. */
  readonly initial: Uint8Array;
  readonly actions: NvmAction[] = [];

  constructor(image: Image) {
    super(image.nvmBytes);
    provision(this, image);
    this.actions.length = 0;
    this.initial = this.cells.slice();
  }

  /** To be called for views, which do not come here by themselves. */
  see(address: number, length: number): void {
    this.actions.push({ what: 'view', address, bytes: this.present.slice(address, address + length) });
  }

  override write(address: number, bytes: Uint8Array): void {
    this.actions.push({ what: 'write', address, bytes: bytes.slice() });
    super.write(address, bytes);
  }

  override sync(): void {
    this.actions.push({ what: 'sync', address: 0, bytes: NOTHING });
    super.sync();
  }
}
