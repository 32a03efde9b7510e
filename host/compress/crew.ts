// Threads that share the kernels' work. A job comes in parts that do not depend on each other, and whoever is free takes the
// next one. How work is cut changes no sum, so any number of threads gives the same bytes (`npm test -- threads`).
// A process has one crew: asleep when there is nothing to do, and it keeps no process alive.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import {
  type Attachment,
  Claims,
  type CrewData,
  type KernelTable,
  newCrewMemory,
  type Part,
} from './crew-protocol.js';

/** Where others are late so often more than in time, their cores have other work: so many jobs are done without them. */
const MOST_LATE = 12;
const ALONE = 2000;

class Crew {
  private readonly memory = newCrewMemory();
  private readonly claims = new Claims(this.memory.control);
  private readonly ports: MessagePort[] = [];
  private readonly desks = new Map<number, Attachment>();
  private lastDesk = 0;
  /** How often, of late, the others were not done soon after this thread. */
  private late = 0;
  /** Jobs that this thread will do alone. */
  private alone = 0;

  /** Sees to it that there are so many threads, this one among them. */
  grow(threads: number, module: WebAssembly.Module): void {
    while (this.ports.length < threads - 1) {
      const { port1, port2 } = new MessageChannel();
      const workerData: CrewData = { ...this.memory, module, port: port2 };
      const url = new URL('./crew-worker.js', import.meta.url);
      new Worker(url, { workerData, transferList: [port2] }).unref();
      port1.unref();
      for (const attachment of this.desks.values()) port1.postMessage(attachment);
      this.ports.push(port1);
    }
  }

  /** Makes a desk's memory known to all threads; returns its number. */
  attach(memory: WebAssembly.Memory): number {
    const desk = ++this.lastDesk;
    this.desks.set(desk, { desk, memory });
    for (const port of this.ports) port.postMessage({ desk, memory });
    return desk;
  }

  /** Nobody will work on a desk any more. */
  detach(desk: number): void {
    if (this.desks.delete(desk)) for (const port of this.ports) port.postMessage({ desk });
  }

  /** Runs parts, this thread among those who do; returns when all are done. */
  run(desk: number, kernels: KernelTable, parts: readonly Part[]): void {
    if (--this.alone >= 0 || !kernels.write(parts, this.memory.commands)) {
      for (const part of parts) kernels.run(part);
      return;
    }
    this.claims.open(desk, parts.length);
    for (let part = this.claims.take(); part !== undefined; part = this.claims.take()) {
      kernels.run(parts[part]!);
      this.claims.finish();
    }
    this.late = this.claims.awaitAll(parts.length) ? Math.max(0, this.late - 1) : this.late + 1;
    if (this.claims.failed) throw new Error('a thread of the trainer failed');
    if (this.late < MOST_LATE) return;
    this.late = 0;
    this.alone = ALONE;
  }
}

/** The crew of this process. */
export const crew = new Crew();
