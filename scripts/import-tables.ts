// Writes the tables of operators into docs/IMPORT.md, from the importers: `npm run docs:operators`.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { operatorTables } from '../host/import/operators.js';

const path = fileURLToPath(new URL('../../docs/IMPORT.md', import.meta.url));
let text = readFileSync(path, 'utf8');
for (const [name, table] of Object.entries(operatorTables())) {
  const pattern = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);
  text = text.replace(pattern, `$1\n${table}\n\n$2`);
}
writeFileSync(path, text);
