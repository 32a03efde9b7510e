import { join } from 'node:path';
import { readUserFile } from '../data/files.js';
import { BrownoutError, ExitCode } from '../error.js';
import { imageOf } from '../ops/given-image.js';
import { type Command, defineCommand, IMAGE } from '../options/command.js';
import { file, isBytes, text, whole } from '../options/kinds.js';
import { originOf } from '../origin.js';
import { count } from '../report/text.js';
import { Fleet, imageName } from './fleet.js';
import { gatewayServer, Tokens } from './server.js';

const PORT = 8547;
const HOST = '127.0.0.1';

/** Resolves when the process is asked to end. */
const asked = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    store: {
      kind: text('FOLDER', 'fleet'),
      required: true,
      help: 'folder of what devices have sent; made if it is not there',
    },
    tokens: {
      kind: file('devices and their tokens', 'tokens.txt', isBytes),
      required: true,
      help: 'a device’s name, a blank and its token a line',
    },
    port: { kind: whole(0, 65_535), default: PORT, help: 'TCP port; 0: any that is free' },
    host: {
      kind: text('ADDRESS', HOST),
      default: HOST,
      help: 'address to listen at; TLS is left to a proxy',
    },
  },
  examples: ['brownout gateway mine.brn --store fleet --tokens tokens.txt'],
  async run({ positionals, options, print }) {
    const bytes = readUserFile(positionals[0]!);
    const image = imageOf(bytes);
    const tokens = new Tokens(new TextDecoder().decode(readUserFile(options.tokens!)));
    const fleet = Fleet.open(image, join(options.store!, `${imageName(image.imageId)}.log`));
    const server = gatewayServer(fleet, tokens);
    const { port = PORT, host = HOST } = options;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen(port, host, resolve);
      });
    } catch (error) {
      await fleet.close();
      throw new BrownoutError({
        code: 'E_GATEWAY',
        found: `${(error as NodeJS.ErrnoException).code ?? 'an error'} on listening at ${host}:${port}`,
        expected: 'an address and a port that are free',
        hint: 'Give another --port, or stop what listens there.',
      });
    }
    const ended = asked();
    const bound = server.address();
    const at = typeof bound === 'object' && bound ? bound.port : port;
    const { devices, samples } = fleet.status;
    print(
      `http://${host}:${at}/images/${imageName(image.imageId)}: ${count(tokens.size)} devices may send; ` +
        `${count(devices)} have, ${count(samples)} samples\n`,
    );
    await ended;
    server.closeAllConnections();
    server.close();
    await fleet.close();
    const status = fleet.status;
    return {
      json: { origin: originOf({ image: bytes }), ...status },
      text:
        `${count(status.accepted)} messages taken, ${count(status.repeated)} known already; ` +
        `${count(status.samples)} samples of ${count(status.devices)} devices`,
      exitCode: ExitCode.OK,
    };
  },
});
