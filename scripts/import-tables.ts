// Writes tables that are made from code into docs/: of operators, from the importers, of boards, from what is known of them:
// `npm run docs:operators`.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { layoutNames } from '../host/firmware/layouts.js';
import { supportTables } from '../host/firmware/support.js';
import { operatorTables } from '../host/import/operators.js';
import { peerTable } from './peer-operators.js';

function write(document: string, tables: Readonly<Record<string, string>>): void {
  const path = fileURLToPath(new URL(`../../docs/${document}`, import.meta.url));
  let text = readFileSync(path, 'utf8');
  for (const [name, table] of Object.entries(tables)) {
    const pattern = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);
    text = text.replace(pattern, `$1\n${table}\n\n$2`);
  }
  writeFileSync(path, text);
}

write('IMPORT.md', { ...operatorTables(), peers: peerTable() });
write('FIRMWARE.md', supportTables(layoutNames));
