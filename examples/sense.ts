// The application of firmware/main.c, in TypeScript on the simulated device: sense, infer, send the answer once, learn from
// a label that comes late. Power may fail in any call; `step` is entered again after every boot.
//
//   npm run build && node dist/examples/sense.js model-learn.brn
import { readFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { ErrorCode, Status } from '../assembly/error.js';
import { C_KIND, JobKind, STATIC_BYTES_LEARNING } from '../assembly/layout.js';
import { type Image, readImage } from '../host/model/image.js';
import { type Values, valuesFrom } from '../host/model/values.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes, moduleFor } from '../host/toolchain/modules.js';

/** What surrounds the device. */
export interface World {
  /** The sensor's reading for a ticket, quantized. */
  sense(ticket: number): Values;
  /** The truth about an earlier input, if anybody has told. */
  labelOf(ticket: number): number | undefined;
  /** May be called twice for a ticket: the receiver drops those it has seen. */
  send(ticket: number, answer: Values): void;
}

/** Begins what comes next where no job is: the label of the last answer, or another sample. */
function next(device: Device, world: World): number {
  const last = device.ticket;
  const inferred = last > 0 && device.cursorField(C_KIND) === JobKind.INFER;
  const label = inferred ? world.labelOf(last) : undefined;
  if (label !== undefined) {
    const state = device.label(last, label);
    // Forgotten meanwhile, or never kept: no reason to stop.
    if (state !== ErrorCode.E_TICKET && state !== ErrorCode.E_KIND) return state;
  }
  const fed = device.feed(world.sense(last + 1));
  return fed < 0 ? fed : device.submit(last + 1);
}

/** From a job begun, or none, to one acknowledged. Returns `IDLE` or an error; throws `PowerCut`. */
export function step(device: Device, image: Image, world: World, booted: number): number {
  let state = booted === Status.IDLE ? next(device, world) : booted;
  while (state === Status.RUN || state === Status.LOW) state = device.run();
  if (state !== Status.DONE) return state;
  const { ticket } = device;
  if (device.cursorField(C_KIND) === JobKind.INFER) {
    const { offset, bytes } = image.output;
    const output = device.nvm.present.subarray(offset, offset + bytes);
    world.send(ticket, valuesFrom(output, image.metadata.output.dtype));
  }
  return device.ack(ticket);
}

/** A device with the image's state in NVM, as from the factory. */
export function makeDevice(
  image: Image,
  options: Partial<ConstructorParameters<typeof Device>[1]> = {},
): Device {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = new WebAssembly.Module(moduleBytes(moduleFor(image)));
  return new Device(module, { image, nvm, sramBytes: STATIC_BYTES_LEARNING + image.arenaBytes, ...options });
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const image = readImage(readFileSync(argv[2] ?? 'checkpoints/digits.brn'));
  const device = makeDevice(image);
  const world: World = {
    sense: () => image.sample ?? new Int8Array(image.input.bytes),
    labelOf: (ticket) => (ticket % 2 ? 0 : undefined),
    send: (ticket, answer) => console.log(`ticket ${ticket} answer ${answer.join(' ')}`),
  };
  let state = device.boot();
  for (let i = 0; i < 6 && state === Status.IDLE; i++) state = step(device, image, world, state);
}
