import { BrownoutError } from '../error.js';
import type { CommitPolicy } from '../model/image.js';
import { chargeUj, type DeviceProfile } from '../profiles/profile.js';
import { commitCost, energyOf, meanCutChance } from './cost.js';
import type { Plan } from '../model/plan.js';
import type { Kind } from '../options/kinds.js';
import { nearest } from '../options/suggest.js';

const PATTERN = /^(every [1-9]\d{0,8}|low|auto|never)$/;

function policyOption(names: readonly string[]): Kind<string> {
  const check = (value: unknown): string | undefined =>
    typeof value === 'string' && PATTERN.test(value) && (names.includes(value) || value.startsWith('every '))
      ? value
      : undefined;
  return {
    expected: `"every N" (N ≥ 1), ${names.map((name) => `"${name}"`).join(' or ')}`,
    placeholder: 'NAME',
    code: 'E_POLICY',
    parse: check,
    check,
    right(wrong = '') {
      const count = /^every\D*([1-9]\d{0,8})\b/.exec(wrong)?.[1];
      return count === undefined
        ? (nearest(wrong, names) ?? (wrong === 'every' ? 'every 1' : names[0]!))
        : `every ${count}`;
    },
  };
}

/** An option that is a commit policy. */
export const policyKind = policyOption(['auto', 'low', 'never']);
/** … one that means the same for every plan. */
export const fixedPolicyKind = policyOption(['low', 'never']);

/** `every n`, `low`, `auto` or `never`. Throws `E_POLICY`. */
export function checkPolicy(name: string): void {
  if (PATTERN.test(name)) return;
  throw new BrownoutError({
    code: 'E_POLICY',
    found: `commit policy "${name}"`,
    expected: '"every N" (N ≥ 1), "low", "auto" or "never"',
    hint: 'See docs/DESIGN.md, "Commit policy".',
  });
}

/** A policy that means the same for every plan: any but `auto`. Throws `E_POLICY`. */
export function fixedPolicy(name: string): CommitPolicy {
  checkPolicy(name);
  if (name === 'low') return { every: 0, low: true };
  return { every: name === 'never' ? 0 : Number(name.slice('every '.length)), low: false };
}

/** Share of the work that periodic commits may take, but where tiles are too large for what a warning leaves. */
const MOST_COMMITS = 0.002;

/**
 * What the policy called `name` means for this plan. `auto` commits when power is low, and also every n tiles against
 * cuts without a warning, or amid a tile that is too large for one: the work between commits is √(2 · commit · work between
 * such cuts) (Young 1974, Daly 2006), or more, where that would be spent on commits.
 */
export function resolvePolicy(
  name: string,
  plan: Pick<Plan, 'ops' | 'tileCount'>,
  profile: DeviceProfile,
): CommitPolicy {
  if (name !== 'auto') return fixedPolicy(name);
  const work = energyOf(plan.ops, profile);
  const commitUj = commitCost(profile).energyUj;
  const unwarned = profile.unwarnedCuts.value;
  const large = meanCutChance(plan.ops, profile);
  const betweenCuts = (chargeUj(profile) - profile.bootUj.value) / (unwarned + large);
  const least = large > unwarned ? 0 : commitUj / MOST_COMMITS;
  const between = Math.max(Math.sqrt(2 * commitUj * betweenCuts), least);
  return { every: Math.max(1, Math.round((between / work) * plan.tileCount)), low: true };
}
