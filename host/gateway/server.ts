// The gateway's HTTP: what devices send, and heads for them. Plain HTTP: TLS is a proxy's affair.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BrownoutError, shown } from '../error.js';
import { type Fleet, FORGOTTEN, imageName } from './fleet.js';

const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const MOST_CONNECTIONS = 1024;
const BASE = 'http://gateway';

/** Statuses of error codes; others are faults of ours. */
const STATUSES: Readonly<Record<string, number>> = {
  E_PATH: 404,
  E_METHOD: 405,
  E_TOKEN: 401,
  E_BODY: 413,
  E_STEP: 400,
  E_WEIGHTS: 400,
  E_CONTRIBUTION: 422,
};

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Tokens of devices, as digests: a comparison takes as long whatever is wrong. */
export class Tokens {
  readonly #digests = new Map<string, Buffer>();

  /** A line each: the device's name, a blank, its token. Throws `E_TOKEN`. */
  constructor(text: string) {
    text.split('\n').forEach((line, i) => {
      if (line.trim() === '' || line.startsWith('#')) return;
      const [, device, token] = /^([A-Za-z0-9._-]{1,64}) (\S{16,})\s*$/.exec(line) ?? [];
      if (device === undefined || token === undefined || this.#digests.has(device))
        throw new BrownoutError({
          code: 'E_TOKEN',
          found: `line ${i + 1} of the tokens`,
          expected: 'a device’s name, a blank and its token, of 16 characters at least; each device once',
          hint: 'Make tokens with `openssl rand -hex 16`.',
        });
      this.#digests.set(device, digest(token));
    });
  }

  /** How many devices there are. */
  get size(): number {
    return this.#digests.size;
  }

  /** Whether `token` is that of `device`, or, without one, of any. */
  has(token: string, device?: string): boolean {
    const found = digest(token);
    if (device !== undefined) return timingSafeEqual(this.#digests.get(device) ?? Buffer.alloc(32), found);
    let known = false;
    for (const one of this.#digests.values()) known = timingSafeEqual(one, found) || known;
    return known;
  }
}

function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

/** The body, if it is as long as it must be. Throws `E_BODY`. */
async function bodyOf(request: IncomingMessage, bytes: number): Promise<Uint8Array> {
  const stated = Number(request.headers['content-length'] ?? Number.NaN);
  const wrong = (found: string): never =>
    refuse(
      'E_BODY',
      found,
      `${bytes} bytes, with Content-Length`,
      'Send a file as `brownout export-weights` writes it.',
    );
  if (stated !== bytes) wrong(`a body of ${Number.isNaN(stated) ? 'unknown length' : `${stated} bytes`}`);
  const body = new Uint8Array(bytes);
  let at = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (at + chunk.length > bytes) wrong('a longer body');
    body.set(chunk, at);
    at += chunk.length;
  }
  if (at < bytes) wrong(`${at} bytes`);
  return body;
}

const tokenOf = ({ headers }: IncomingMessage): string =>
  /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? '';

function checkToken(tokens: Tokens, request: IncomingMessage, device?: string): void {
  if (tokens.has(tokenOf(request), device)) return;
  refuse(
    'E_TOKEN',
    'no token of this device',
    '`Authorization: Bearer` and its token',
    'Look into the file of tokens.',
  );
}

/** What is answered: JSON, or bytes. */
async function answer(fleet: Fleet, tokens: Tokens, request: IncomingMessage): Promise<object | Uint8Array> {
  const own = imageName(fleet.image.imageId);
  const paths = `/images/${own}, …/head and …/devices/NAME/sums?version=N`;
  const nowhere = (path: string): never =>
    refuse(
      'E_PATH',
      `path ${shown(path)}`,
      paths,
      'The image’s number is that of the firmware: `brownout inspect`.',
    );
  const asked = request.url ?? '/';
  if (!URL.canParse(asked, BASE)) nowhere(asked);
  const url = new URL(asked, BASE);
  const [, id, rest = ''] = /^\/images\/([0-9a-f]{8})(\/.*)?$/.exec(url.pathname) ?? [];
  if (id !== own) nowhere(url.pathname);
  const [, device] = /^\/devices\/([A-Za-z0-9._-]{1,64})\/sums$/.exec(rest) ?? [];
  if (device === undefined && rest !== '' && rest !== '/head') nowhere(url.pathname);
  const wanted = device === undefined ? ['GET'] : ['PUT', 'DELETE'];
  const method = request.method ?? '';
  if (!wanted.includes(method))
    refuse('E_METHOD', `${method} ${url.pathname}`, wanted.join(' or '), 'docs/FLEET.md has the calls.');
  checkToken(tokens, request, device);
  if (device === undefined) return rest === '' ? fleet.status : fleet.head();
  if (method === 'DELETE') {
    await fleet.forget(device);
    return { version: FORGOTTEN };
  }
  const version = Number(/^\d{1,10}$/.exec(url.searchParams.get('version') ?? '')?.[0] ?? Number.NaN);
  if (!(version >= 1 && version < FORGOTTEN))
    refuse(
      'E_STEP',
      `version ${url.searchParams.get('version')}`,
      'updates so far, from 1 on',
      'The cursor has it: step.',
    );
  const body = await bodyOf(request, fleet.bodyBytes);
  return { version: await fleet.put(device, version, body) };
}

function send(response: ServerResponse, status: number, body: object | Uint8Array): void {
  const isBytes = body instanceof Uint8Array;
  const bytes = isBytes ? body : new TextEncoder().encode(`${JSON.stringify(body)}\n`);
  response.writeHead(status, {
    'Content-Type': isBytes ? 'application/octet-stream' : 'application/json',
    'Content-Length': bytes.length,
    'Cache-Control': 'no-store',
  });
  response.end(bytes);
}

/** The server of one image's fleet, not yet listening. */
export function gatewayServer(fleet: Fleet, tokens: Tokens): Server {
  const server = createServer((request, response) => {
    answer(fleet, tokens, request).then(
      (body) => send(response, 200, body),
      (error: unknown) => {
        // What is left of a body that is refused is not read: the connection goes with it.
        response.shouldKeepAlive = false;
        if (error instanceof BrownoutError) {
          const { code, found, expected, hint } = error;
          send(response, STATUSES[code] ?? 500, { code, found, expected, hint });
        } else {
          const found = `${(error as NodeJS.ErrnoException).code ?? 'an error'} on keeping it`;
          send(response, 503, {
            code: 'E_STORE',
            found,
            expected: 'room on the disk',
            hint: 'Send it again later.',
          });
        }
      },
    );
  });
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = REQUEST_MS;
  server.maxConnections = MOST_CONNECTIONS;
  return server;
}
