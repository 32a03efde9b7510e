// What `--learn auto` considers for digits, 400 of the training split turned by 45° as one user's: accuracy, and energy of a label.
import { chooseLearning } from '../../host/compile/tune-learning.js';
import type { LearningChoice } from '../../host/compile/choose-learning.js';
import { digits, factorySamples, FACTORY, tuningSamples } from './rotated-digits.js';

export function benchChoice(): LearningChoice {
  const network = digits();
  const learn = { layers: 'auto', data: factorySamples(network, FACTORY) };
  return chooseLearning(network, { learn }, [tuningSamples(network)]);
}
