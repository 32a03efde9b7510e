// A loader that changes one compiled source on its way into Node: `MUTANT` says which and how.
import { register } from 'node:module';

const source = `
const { file, from, to } = JSON.parse(process.env.MUTANT);
export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith(file)) return loaded;
  const text = Buffer.from(loaded.source).toString('utf8');
  // The compiler indents by four.
  const indented = (part) => part.replace(/^( +)/, '$1$1').replace(/\\n( +)/g, (_, spaces) => '\\n' + spaces + spaces);
  for (const form of [(x) => x, indented]) {
    if (text.includes(form(from))) return { ...loaded, source: text.replace(form(from), () => form(to)) };
  }
  throw new Error('nothing to change in ' + url);
}
`;
register(`data:text/javascript,${encodeURIComponent(source)}`);
