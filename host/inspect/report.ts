import { learningText } from '../report/learning.js';
import { signerText } from '../report/signer.js';
import type { InspectResult } from './inspect.js';
import { count, facts, table } from '../report/text.js';

const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

function policyText({ every, low }: InspectResult['policy']): string {
  const parts = [...(every > 0 ? [`every ${every} tiles`] : []), ...(low ? ['when power is low'] : [])];
  return parts.length > 0 ? parts.join(', and ') : 'at the end only';
}

function nvmText({ cursors = [], job, boots, learning }: InspectResult): string[] {
  const rows = cursors.map((c) => {
    const described =
      c.condition === 'whole' ? [`${c.sequence}`, c.state, `${c.ticket}`, `${c.op}`, `${c.tile}`] : [];
    const notes = [
      c.newest ? 'newest' : '',
      c.condition === 'whole' && !c.ofThisImage ? 'of another image' : '',
    ];
    return [`slot ${c.slot}`, c.condition, ...described, notes.filter(Boolean).join(', ')];
  });
  const where = job
    ? `job ${job.ticket}: ${job.state}${job.state === 'RUN' ? `, next is op ${job.op}, tile ${job.tile}` : ''}`
    : 'no whole cursor: a boot says E_CURSOR';
  return [
    '',
    table([['cursors', '', 'sequence', 'state', 'ticket', 'op', 'tile', ''], ...rows]),
    '',
    where,
    ...(job?.answer ? [`answer: ${job.answer.join(' ')}`] : []),
    ...(boots ? [`${boots.count} boots found cursor ${boots.sequence}`] : []),
    ...(learning ? ['', learningText(learning)] : []),
  ];
}

/** Header, plan and, of a dump, cursors and job. */
export function inspectText(result: InspectResult): string {
  const plan = result.plan.map((op, index) => {
    return [
      `${index}`,
      op.name ?? '',
      op.kind,
      op.outputShape.join('×'),
      `${op.tiles}`,
      op.commits ? 'commit' : '',
    ];
  });
  return [
    facts([
      ['kind', result.kind === 'image' ? `image ${result.name}` : 'NVM dump'],
      ['image id', hex(result.imageId)],
      ['header, plan, constants', `${count(result.imageBytes)} B`],
      ['NVM', `${count(result.nvmBytes)} B`],
      ['SRAM arena', `${count(result.arenaBytes)} B`],
      ['commits', policyText(result.policy)],
    ]),
    ...(result.kind === 'image' ? [signerText(result.signedBy)] : []),
    '',
    table([
      ['region', 'from', 'bytes'],
      ...Object.entries(result.regions).map(([name, { offset, bytes }]) => [name, `${offset}`, `${bytes}`]),
    ]),
    '',
    table([['op', '', 'kernel', 'out', 'tiles', ''], ...plan]),
    ...(result.kind === 'nvm' ? nvmText(result) : []),
  ].join('\n');
}
