import pc from 'picocolors';
import type { Counterexample } from './counterexample.js';
import type { VerifyResult } from './verify.js';
import { signerText } from '../report/signer.js';
import { farads } from '../options/quantity.js';
import { count, facts, sentences } from '../report/text.js';

function counterexampleLines(example: Counterexample, path: string): string[] {
  const { obligation, found, cursor, opName, tile, bytes, id, cuts, verdict, detail } = example;
  const where: [string, string][] = [
    ...(cursor === null ? [] : [['cursor', `${cursor}`] satisfies [string, string]]),
    ...(opName === null ? [] : [['tile', `${tile} of ${opName}`] satisfies [string, string]]),
    ...(bytes === null ? [] : [['NVM bytes', `${bytes[0]}–${bytes[1] - 1}`] satisfies [string, string]]),
  ];
  const schedule =
    id === null
      ? [detail]
      : [
          `${cuts} power failure${cuts === 1 ? ' makes' : 's make'} it a ${verdict}: ${detail}`,
          '',
          `  brownout replay ${path} --cuts ${id}`,
        ];
  const about = where.length > 0 ? [facts(where), ''] : [];
  return [`${pc.red(`obligation "${obligation}"`)}: ${found}`, ...about, ...schedule];
}

/** Verdict and what it rests on. */
export function verifyText(result: VerifyResult, path: string): string {
  const { proved, counterexample, stuck } = result;
  const of = result.largestTileOp ? `: ${result.largestTileOp}` : '';
  const enumerated = result.enumerated
    ? `plain states too, ${result.closed ? 'to closure' : 'NOT to closure: the budget ended first'}`
    : 'job protocol, to closure';
  const rows: [string, string, string?][] = [
    [
      'cursors',
      count(result.cursors),
      `of ${count(result.tiles)} tiles, job "${result.job}", policy ${result.policy}`,
    ],
    ...(result.scenarios.length > 1
      ? [
          [
            'ways',
            count(result.scenarios.length),
            result.scenarios.map(({ name }) => name).join(', '),
          ] satisfies [string, string, string],
        ]
      : []),
    [
      'module',
      `${count(result.moduleBytes)} B`,
      result.nvm === 'mapped'
        ? 'NVM in its own memory: every load and store of it watched'
        : 'its views of NVM and image as copies, and in place',
    ],
    ['bytes checked', count(result.bytesChecked), 'written by tiles started amid garbage'],
    [
      'data',
      result.dataExceptions === null
        ? 'not followed'
        : result.dataExceptions.length
          ? 'by exception'
          : 'decides nothing',
      result.dataExceptions === null
        ? 'the module uses vectors: two inputs touch the same bytes'
        : result.dataExceptions.length
          ? `${result.dataExceptions.join(', ')} (docs/VERIFY.md)`
          : 'no branch, address or length depends on it: one input stands for all',
    ],
    ['garbage fills', count(result.garbageFills), 'zeros, ones, noise, stale'],
    [
      'recovery pairs',
      count(result.recoveryPairs),
      `cursors torn at ${result.tear} B, every subset of units`,
    ],
    [
      'torn bytes',
      result.tornReads === 'boot' ? 'no tile’s' : 'not shown',
      `lines of ${result.line} B; boots read slots and count of boots, and go on where that is an error (ECC)`,
    ],
    ['states', count(result.states), enumerated],
    ['transitions', count(result.transitions)],
    [
      'largest tile',
      `${result.largestTilePercent.toFixed(1)} %`,
      `of one charge of ${result.device}, ${farads(result.capacitorUf)}${of}, boot and commit included, simulated`,
    ],
    ['time', `${(result.elapsedMs / 1000).toFixed(2)} s`, 'measured'],
  ];
  const verdict = proved
    ? pc.green('proved: no power failure, anywhere, any number of times, changes the result')
    : pc.red(`NOT proved: ${count(result.violations)} obligations fail, ${count(stuck)} cursors are stuck`);
  return [
    facts(rows),
    '',
    `SHA-256 of the module: ${result.origin.moduleSha256}`,
    ...(result.signedBy === undefined ? [] : [signerText(result.signedBy)]),
    '',
    ...sentences(result.notes),
    ...(counterexample ? [...counterexampleLines(counterexample, path), ''] : []),
    verdict,
  ].join('\n');
}
