// What keyword features of sound are, as an image's metadata says it.
/** How features are made of samples; lengths in samples, edges of the mel bins in Hz. */
export interface AudioFeatures {
  kind: 'mfcc' | 'log-mel';
  sampleRate: number;
  windowSamples: number;
  strideSamples: number;
  melBins: number;
  lowHz: number;
  highHz: number;
}

export const KEYWORD_FEATURES: Omit<AudioFeatures, 'kind'> = {
  sampleRate: 16000,
  windowSamples: 480,
  strideSamples: 320,
  melBins: 40,
  lowHz: 20,
  highHz: 4000,
};
