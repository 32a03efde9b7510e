// From sound to keyword features: log-mel energies or MFCC, as TensorFlow's tf.signal computes them (stft with a periodic
// Hann window, linear_to_mel_weight_matrix, mfccs_from_log_mel_spectrograms). The defaults are those of the 49×10
// features that keyword models commonly take: one second at 16 kHz, windows of 30 ms every 20 ms, 40 bins of 20–4,000 Hz.
import { BrownoutError } from '../error.js';
import { cosineOfTurns, logarithm } from '../math/real-functions.js';
import type { AudioFeatures } from '../model/audio-features.js';

/** HTK's mel scale. */
const mel = (hertz: number): number => 1127 * logarithm(1 + hertz / 700);

/** How much of each frequency bin goes into each mel bin: triangles, [mel bin][frequency bin]. */
function melWeights({ melBins, sampleRate, lowHz, highHz }: AudioFeatures, bins: number): Float64Array[] {
  const [low, high] = [mel(lowHz), mel(highHz)];
  const edge = (i: number): number => low + ((high - low) * i) / (melBins + 1);
  return Array.from({ length: melBins }, (_, m) => {
    const [left, centre, right] = [edge(m), edge(m + 1), edge(m + 2)];
    return Float64Array.from({ length: bins }, (_, bin) => {
      // The bin of frequency 0 counts for nothing.
      if (bin === 0) return 0;
      const at = mel((bin * sampleRate) / 2 / (bins - 1));
      return Math.max(0, Math.min((at - left) / (centre - left), (right - at) / (right - centre)));
    });
  });
}

/** Magnitudes of the spectrum of one window. */
function spectrum(
  samples: Float32Array,
  from: number,
  hann: Float64Array,
  table: Float64Array,
): Float64Array {
  const size = table.length;
  return Float64Array.from({ length: size / 2 + 1 }, (_, bin) => {
    let [real, imaginary] = [0, 0];
    for (let i = 0; i < hann.length; i++) {
      const value = samples[from + i]! * hann[i]!;
      const phase = (bin * i) & (size - 1);
      real += value * table[phase]!;
      // sin(a) = cos(a − ¼ turn)
      imaginary += value * table[(phase - size / 4 + size) & (size - 1)]!;
    }
    return Math.sqrt(real * real + imaginary * imaginary);
  });
}

/**
 * Features [frames][coefficients] of sound in −1…1. Throws `E_INPUT_SHAPE` if it is not as long as `frames` windows.
 */
export function audioFeatures(
  samples: Float32Array,
  settings: AudioFeatures,
  { frames, coefficients }: { frames: number; coefficients: number },
): Float32Array {
  const { windowSamples, strideSamples, melBins, kind } = settings;
  const need = windowSamples + (frames - 1) * strideSamples;
  if (samples.length < need || samples.length >= need + strideSamples) {
    throw new BrownoutError({
      code: 'E_INPUT_SHAPE',
      found: `sound of ${samples.length} samples`,
      expected: `${need} to ${need + strideSamples - 1} at ${settings.sampleRate} Hz: ${frames} windows`,
      hint: 'Cut or pad the recording.',
    });
  }
  let size = 1;
  while (size < windowSamples) size *= 2;
  const hann = Float64Array.from(
    { length: windowSamples },
    (_, i) => 0.5 - 0.5 * cosineOfTurns(i / windowSamples),
  );
  const table = Float64Array.from({ length: size }, (_, i) => cosineOfTurns(i / size));
  const weights = melWeights(settings, size / 2 + 1);
  const features = new Float32Array(frames * coefficients);
  for (let frame = 0; frame < frames; frame++) {
    const magnitudes = spectrum(samples, frame * strideSamples, hann, table);
    const energies = weights.map((row) => {
      return logarithm(row.reduce((sum, weight, bin) => sum + weight * magnitudes[bin]!, 0) + 1e-6);
    });
    for (let k = 0; k < coefficients; k++) {
      const cosine = (m: number): number => cosineOfTurns((k * (2 * m + 1)) / (4 * melBins));
      const mfcc = (): number =>
        Math.sqrt(2 / melBins) * energies.reduce((sum, energy, m) => sum + energy * cosine(m), 0);
      features[frame * coefficients + k] = kind === 'mfcc' ? mfcc() : energies[k]!;
    }
  }
  return features;
}
