// A thread of a crew: takes parts of jobs, one after the other, and sleeps where there is none.
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type Attachment, Claims, type CrewData, KernelTable } from './crew-protocol.js';

const { control, commands, module, port } = workerData as CrewData;
const claims = new Claims(control);
const desks = new Map<number, KernelTable>();

/** What has been said of desks: before a job on one is opened, so it is all here by then. */
function readMessages(): void {
  for (let message = receiveMessageOnPort(port); message; message = receiveMessageOnPort(port)) {
    const { desk, memory } = message.message as Attachment;
    if (!memory) desks.delete(desk);
    else desks.set(desk, new KernelTable(new WebAssembly.Instance(module, { env: { memory } }).exports));
  }
}

for (;;) {
  const part = claims.take();
  if (part === undefined) {
    claims.awaitJob();
    continue;
  }
  let failed = true;
  try {
    const { desk } = claims;
    if (!desks.has(desk)) readMessages();
    desks.get(desk)!.runWritten(commands, part);
    failed = false;
  } finally {
    claims.finish(failed);
  }
}
