import * as assert from 'uvu/assert';
import { BrownoutError } from '../../host/error.js';

/** The error that `action` must throw, which says what was found, what was expected and what to do. */
export function failure(action: () => unknown, what = ''): BrownoutError {
  try {
    action();
  } catch (error) {
    if (!(error instanceof BrownoutError)) throw error;
    for (const text of [error.found, error.expected, error.hint]) {
      assert.ok(text.length > 0 && text.length < 500, `${error.code}: ${text.length} characters`);
    }
    return error;
  }
  return assert.unreachable(`no error: ${what}`) as never;
}

/** The code of the error that `action` throws; `no error` if it throws none. */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof BrownoutError)) throw error;
    for (const text of [error.found, error.expected, error.hint]) assert.ok(text.length > 0, error.code);
    return error.code;
  }
  return 'no error';
}
